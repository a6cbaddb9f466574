"""Refuses options that a model cannot honour, before any work is done."""

from visus.core.question import Options, Question
from visus.core.wishes import wishes
from visus.errors import UnsupportedParameter
from visus.flow.media_in_words import noted
from visus.models.catalogue import ModelRow
from visus.providers.checked import is_checked


def able(question: Question, model: ModelRow) -> Question:
    """The question as `model` can honour it.

    Raises:
        UnsupportedParameter: an option that its server does not know, or would ignore.
    """
    if model.refuses:
        _refuse_unheeded(question, model)
    if question.options.boxes_in_pixels and model.vision.boxes is None:
        raise UnsupportedParameter(
            f"Nobody knows how the model {model.id!r} writes boxes.", param="visus.boxes"
        )
    if question.options.answer_format is not None:
        _refuse_beside_a_check(question.options, model)
    return question if model.sees is not None else noted(question)


def _refuse_beside_a_check(options: Options, model: ModelRow) -> None:
    """An answer that is checked here is one, and may be another than the first."""
    asked = (("n", options.n is not None and options.n > 1), ("logprobs", options.logprobs))
    for name, wish in asked:
        if wish and is_checked(options, model.structured_output):
            raise UnsupportedParameter(
                f"'{name}' cannot be honoured where the form of the answer is checked here.",
                param=name,
            )


def _refuse_unheeded(question: Question, model: ModelRow) -> None:
    for name in wishes(question.options):
        if name in model.refuses:
            param = name if name != "max_tokens" else question.options.max_tokens_field
            raise UnsupportedParameter(
                f"The model {model.id!r} cannot honour '{param}'.", param=param
            )
