"""What can be asked of the lake. Whoever asks does so through Ibis, whose comparisons are mended first."""

from pipeline.questions.comparisons import mend

mend()
