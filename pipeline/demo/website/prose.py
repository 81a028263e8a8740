"""What the articles of The Harbour Courier say: sentences that fit whatever their headline put together.

A headline is SUBJECT VERB OBJECT (`pipeline.demo.site`). Nobody quoted exists.
"""

from __future__ import annotations

from random import Random

from pipeline.demo.site import Article, parts_of

# After the verb: how the story opens. {subject} and {object} are the headline's own.
_OPENINGS = {
    "weighed": (
        "For three hours on Tuesday evening, {subject} weighed {object}, and went home without an answer.",
        "There is a chart on the wall, two columns of reasons, and {object} between them. {Subject} added to both.",
    ),
    "rejected": (
        "It took eleven minutes. When they were over, {subject} had rejected {object}, and the room was very quiet.",
        "No, said {subject}, and then explained for an hour why {object} would have to wait for other people.",
    ),
    "welcomed": (
        "There was cake. {Subject} welcomed {object} on a morning when even the gulls seemed to approve.",
        "Nobody had expected enthusiasm. Yet {subject} welcomed {object} with open arms and a borrowed brass band.",
    ),
    "rethought": (
        "A year ago the matter was settled. Then {subject} rethought {object}, from the ground up.",
        "What changed, one might ask, that {subject} rethought {object}? The short answer is a spreadsheet.",
    ),
    "prepared for": (
        "The lists are written, the keys are labelled: {subject} prepared for {object} as others do for a storm.",
        "Quietly, and earlier than planned, {subject} prepared for {object} in a hall behind the fish market.",
    ),
    "celebrated": (
        "By nightfall there was music on both quays, for {subject} celebrated {object} as nobody had in years.",
        "It was meant to be a modest evening. Then {subject} celebrated {object}, and the whole street came.",
    ),
    "questioned": (
        "Who asked for this? With that, {subject} questioned {object}, and a settled matter was open again.",
        "The figures looked right until somebody added them up; then {subject} questioned {object} in public.",
    ),
    "won": (
        "Against every forecast, including this newspaper’s, {subject} won {object} last night.",
        "They had come for a respectable second place. Instead {subject} won {object}, and hardly knew where to "
        "put it.",
    ),
    "saved": (
        "With four days to spare, {subject} saved {object}, and nobody likes to say how close it was.",
        "There were no speeches. {Subject} saved {object} with a phone call, a van and two weekends.",
    ),
}

_OBJECTS = {
    "the new ferry line": "The line would cross the harbour every twelve minutes from half past five, and take a "
    "bicycle for the price of a coffee. The old pier, closed since the storm of 2009, would have to be rebuilt first.",
    "a longer school day": "Under the plan, lessons would end at four, with an hour of music or sport in between. "
    "Parents are for it by a narrow margin; pupils, asked for the first time, are not.",
    "the autumn budget": "The budget has grown by two per cent, which is less than bread has. Most of the difference "
    "goes into roofs: of the library, the baths and the long-suffering bus depot.",
    "a quieter harbour": "Since the freighters take their power from the quay, the nights have been quieter by nine "
    "decibels. What remains are the halyards, and nobody has proposed to silence those.",
    "the return of night trains": "Two sleepers a week are planned, one to the mountains and one to the sea. The "
    "first carriages, blue and forty years old, stand under tarpaulins behind the goods station.",
    "a record season": "Never since records are kept have there been more visitors between Easter and the first "
    "storms. The beach huts were booked by February, the last one by a couple that met in its neighbour.",
    "the price of bread": "A plain loaf costs 3.40 at the market and 2.90 at the bridge. The difference, bakers say, "
    "is rent; the difference, customers say, is queueing.",
    "an old promise": "The promise was made at the opening of the new lock, in the rain, before some two hundred "
    "witnesses. Several of them have kept the programme, and bring it to meetings.",
    "the coastal path": "Nine kilometres are open, two are being laid, and one belongs to a field that slides into "
    "the sea a little more each winter. Walkers have long found their own way around it.",
    "cheaper heat pumps": "A pump for a terraced house now costs what a boiler did five years ago. The wait for "
    "somebody who can install one is eleven weeks, which is eleven weeks too long in November.",
    "a vote on parking": "The question fits on a postcard: should Quay Street be free of cars on Saturdays? The "
    "explanatory leaflet runs to sixteen pages, with a map that has already been corrected once.",
    "the last lighthouse": "Its lamp has been electric since 1934 and automatic since 1988, but somebody still climbs "
    "the 142 steps each morning to write down the weather in a blue book.",
}

_VOICES = {
    "politics": (
        "“People forgive a wrong decision sooner than none,” said Ilse Brandt, who chairs the committee. “I have "
        "tried both.”",
        "A paper of forty pages supports the case; the last three, members admit, are the ones that everybody has "
        "read.",
    ),
    "business": (
        "“We count in containers, our competitors count in quarters,” said Henrik Sund, who runs the yard his "
        "mother built.",
        "Analysts at two banks have put a number to it, and the numbers differ by a factor of four.",
    ),
    "world": (
        "“Here one learns patience from the timetable,” said an official who has crossed the line every day since "
        "spring.",
        "Observers count thirty-one such agreements in ten years. Twelve of them are still in force.",
    ),
    "science": (
        "“The result surprised us, so we did it again, and then we let somebody else do it,” said Dr Amara Nwosu.",
        "The work appears this week with all its data, so that anybody with a laptop and a free evening may check.",
    ),
    "culture": (
        "“It should feel like being told something by a friend, late,” said the director, Paulo Reis, at the "
        "rehearsal.",
        "Tickets for the first night were gone in nine minutes. For the second there are still a few, behind a pillar.",
    ),
    "sport": (
        "“We were tired, so we stopped being clever,” said the captain, Freya Holm. “That helped.”",
        "In the stands they sang until the lights went off, and then, the caretaker reports, for some time after.",
    ),
    "opinion": (
        "It is easy to be for it in general. The trouble begins at the kerb in front of one’s own door.",
        "We have been wrong about this before, in 1974, and said so then. It did not hurt nearly as much as we "
        "had feared.",
    ),
    "food": (
        "“Salt, time, and somebody to eat it with,” said Mira Castellan, asked for her recipe. “In that order.”",
        "The queue begins at six. By nine what is left is the smell, which many say is the better half.",
    ),
}

_MIDDLES = (
    "Those who have followed the matter for longer recall a first attempt, twenty years ago, that ended in a drawer. "
    "This time, they say, there is a date.",
    "Not everybody is content. At the Saturday market a petition lies beside the cheese, and by noon it had run to a "
    "second sheet.",
    "What it costs is easily said; who pays is not. Two proposals are on the table, and a third is said to be in "
    "somebody’s bag.",
    "In the harbour office one hears the same sentence from both sides: that it would have been cheaper to begin "
    "earlier. Nobody claims the earlier for themselves.",
)
_CLOSINGS = (
    "A decision is expected before the end of the month. Until then, as ever here, it depends on the wind.",
    "They meet again on Thursday, at seven, upstairs. The stairs are steep and the public is welcome.",
    "Asked what comes next, most people we spoke to looked at the water first, and then at their watch.",
    "And on the quay, where all of this began, somebody has already painted the bench.",
)


def paragraphs(article: Article) -> list[str]:
    """The article's text, always the same for the same article."""
    rng = Random(article.url)
    subject, verb, object = parts_of(article)
    opening = rng.choice(_OPENINGS[verb])
    spoken = _in_a_sentence(subject)
    lede = opening.format(subject=spoken, Subject=subject, object=object)
    middle = rng.sample(_MIDDLES, 2)
    voice = rng.sample(_VOICES[article.section], 2)
    return [lede, _OBJECTS[object], voice[0], middle[0], voice[1], middle[1], rng.choice(_CLOSINGS)]


def standfirst(article: Article) -> str:
    """One sentence under the headline, on the front page."""
    return _OBJECTS[parts_of(article)[2]].partition(". ")[0].rstrip(".") + "."


def _in_a_sentence(subject: str) -> str:
    """`The mayor` as it stands amid a sentence; names keep their capital."""
    names = ("Parliament", "The Harbour XI", "Council")
    if subject == "The Harbour XI":
        return "the Harbour XI"
    return subject if subject in names else subject[0].lower() + subject[1:]
