"""Settings of the retention: after how many days data are deleted."""

from typing import Self

from pydantic import Field, model_validator

from adapters.setting_group import SettingGroup
from deployments.retention import MAX_DAYS

__all__ = ["RetentionSettings"]


class RetentionSettings(SettingGroup):
    """Days after which data of ended deployments and destroyed stacks are deleted.

    `run_days`: run directories with the log and the progress on this host, since the end.
    `log_days`: logs in Cloud Storage and Firestore with the statuses there; Redis has
    `redis.keep_seconds`. `artifact_days`: plans, outputs and logs for download. `record_days`:
    `record.json`, not before the other data of a deployment. `state_days`: states of destroyed
    stacks, with their backups, since the last change.
    """

    run_days: int = Field(
        default=90,
        ge=1,
        le=MAX_DAYS,
        description="Temporal's retention: later the API does not know the deployment",
    )
    log_days: int = Field(default=365, ge=1, le=MAX_DAYS, description="A year, for audits")
    artifact_days: int = Field(default=365, ge=1, le=MAX_DAYS, description="A year, for audits")
    record_days: int = Field(
        default=1825,
        ge=1,
        le=MAX_DAYS,
        description="Five years: small, and the last witness of a deployment",
    )
    state_days: int = Field(
        default=90,
        ge=1,
        le=MAX_DAYS,
        description="A destroyed stack can be looked into for a quarter",
    )

    @model_validator(mode="after")
    def _records_last(self) -> Self:
        if self.record_days < max(self.run_days, self.log_days, self.artifact_days):
            raise ValueError(
                "record_days is at least run_days, log_days and artifact_days: the record names "
                "the stack of the other data"
            )
        return self
