"""The parts of the Funnels page. The question itself is `pipeline.questions.funnel`."""
