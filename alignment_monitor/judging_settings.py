"""The settings of judging: who is asked, what it may cost, and what a judge must show.

Here belong: the sections under ``judging`` of monitor.yaml. How the file is read belongs to
``settings``, which gives these names on.
"""

from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator


class Section(BaseModel):
    """A part of monitor.yaml: no setting it does not know, none that changes later."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Judge(Section):
    """A model that answers the rubric, behind any OpenAI-compatible server."""

    name: str = "judge"
    provider: str = "openai"
    model: str = "gpt-5-mini"
    base_url: str | None = Field(None, description="null: OPENAI_BASE_URL, else OpenAI")
    api_key_variable: str = "OPENAI_API_KEY"
    backend: Literal["chat", "responses", "decisions"] = "chat"
    batch: bool = Field(False, description="by the Batch API: half the price, collected later")
    batch_wait_minutes: float = Field(0.0, ge=0, description="how long a run waits for a batch")
    rationale_model: str | None = Field(
        None, description="decisions give no reasons: asked for those of flagged messages"
    )
    temperature: float | None = Field(None, description="null: the model's own")
    parameters: dict[str, Any] = Field({}, description="further ones of the request")
    max_output_tokens: int = Field(2000, ge=1)
    timeout_seconds: float = Field(120.0, gt=0)
    max_retries: int = Field(4, ge=0)
    again_if_invalid: int = Field(1, ge=0, description="times an unusable answer is asked again")
    concurrency: int = Field(16, ge=1)
    requests_per_minute: int | None = Field(None, ge=1)
    tokens_per_minute: int | None = Field(None, ge=1)
    usd_per_million_prompt_tokens: float | None = Field(None, ge=0)
    usd_per_million_completion_tokens: float | None = Field(None, ge=0)
    simulated: bool = Field(False, description="its verdicts are not real and are marked so")

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.batch and self.backend == "decisions":
            raise ValueError("decisions cannot be asked in batches: set batch: false")
        return self


class Acceptance(Section):
    """What a judge must show in an audit, and every day; shares unless said otherwise.

    Attributes:
        minimum_sensitivity: of each headline question; the lower end of its interval to page.
        minimum_specificity: likewise.
        minimum_rank_correlation: of levels, about what people reach with each other.
        maximum_bias: of the charted rate, either way.
        maximum_benign_false_positives: events among questions about conversations without any.
        minimum_self_consistency: of repeats, the same event.
        maximum_invalid: answers that broke the rules, false quotes among them.
        maximum_unanswered: refused, invalid or failed.
        maximum_susceptibility: surplus of canaries that moved the verdict their way.
        minimum_positives: messages with the event, for each headline question.
        minimum_negatives: messages without; also questions about benign conversations.
        minimum_repeated: questions about a message answered more than once.
        minimum_canaries: pairs of canary and twin that were answered.
    """

    minimum_sensitivity: float = 0.6
    minimum_specificity: float = 0.9
    minimum_rank_correlation: float = 0.5
    maximum_bias: float = 0.1
    maximum_benign_false_positives: float = 0.05
    minimum_self_consistency: float = 0.9
    maximum_invalid: float = 0.05
    maximum_unanswered: float = 0.1
    maximum_susceptibility: float = 0.05
    minimum_positives: int = 30
    minimum_negatives: int = 60
    minimum_repeated: int = 60
    minimum_canaries: int = 40


class Judging(Section):
    """What is asked, of whom, and how much a day may cost."""

    rubric: str = Field("sycophancy", description="a file of <home>/rubrics, else a packaged one")
    judges: tuple[Judge, ...] = (Judge(),)
    context_messages: int = Field(6, ge=1)
    context_tokens: int = Field(6000, ge=100, description="of the transcript shown to a judge")
    calls_per_day: int = Field(2000, ge=1, description="per judge, never exceeded")
    usd_per_day: float | None = Field(None, gt=0, description="for all judges together")
    sentinels_per_day: int = Field(100, ge=0, description="messages with known labels")
    canaries_per_day: int = Field(6, ge=0, description="injections, each with its clean twin")
    acceptance: Acceptance = Acceptance()
    stand_in: Judge | None = Field(
        None, description="of another family; its answers stand in for people's labels in detection"
    )
    stand_in_messages_per_day: int = Field(
        20, ge=1, description="a draw of each day, from which it is known what is usual"
    )

    @field_validator("judges")
    @classmethod
    def _told_apart(cls, judges: tuple[Judge, ...]) -> tuple[Judge, ...]:
        names = [judge.name for judge in judges]
        if "panel" in names or len(set(names)) < len(names):
            raise ValueError("each judge needs a name of its own, and none may be 'panel'")
        return judges

    @model_validator(mode="after")
    def _another_family(self) -> Self:
        """A judge cannot vouch for itself."""
        if self.stand_in is None:
            return self
        if self.stand_in.backend == "decisions" or self.stand_in.batch:
            raise ValueError("a stand-in is asked at once and in words: not by decisions or batch")
        for judge in self.judges:
            if self.stand_in.name == judge.name or self.stand_in.model == judge.model:
                raise ValueError("a stand-in needs a name and a model that no judge has")
        return self
