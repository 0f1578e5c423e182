"""Every error this project raises on purpose, as one tree.

    EndcloudError                    the job failed (exit code 1)
    ├── UsageError                   wrong usage or input (exit code 2): names file, line or setting
    │   ├── SettingsError            endcloud.toml or the environment
    │   ├── SourceError              a corpus file that cannot be read
    │   └── ModelError               a base model that is missing or unfit
    ├── VersionError                 an adapter version that is incomplete, broken or for another base
    │   └── UnknownVersionError      no version of this name (exit code 2)
    ├── TrainingError                training cannot go on: nothing to learn from, or it diverged
    ├── LearningError                training ended, and nothing was learned
    ├── LockedError                  another process does this job already
    ├── ConflictError                somebody else was first, or it is not the time for this
    ├── AccessError                  this caller may not do this, or see this
    ├── NotFoundError                nothing of this name is here
    ├── PrivacyError                 the guard let nothing out
    │   └── UnrestorableError        a reply holds a placeholder that the conversation does not
    ├── BudgetError                  the next call could pass the budget
    └── CloudError                   a cloud call failed; `retryable` says whether asking again may help
        ├── CloudRefusedError        the provider refuses this request
        │   └── CloudAccessError     it refuses every request: key, model name, URL or account
        ├── CloudBusyError           rate limit or overload; `retry_after` in seconds where it was said
        ├── CloudTimeoutError        no answer in time
        ├── CloudUnavailableError    connection or server failure
        └── CloudMalformedError      the stream was cut off, or is not what the protocol says

Messages are whole sentences that show the value and say what to do.
"""

from __future__ import annotations


class EndcloudError(Exception):
    """The job failed for a reason we know."""

    exit_code = 1


class UsageError(EndcloudError):
    """The command or its input is wrong."""

    exit_code = 2


class SettingsError(UsageError):
    """A setting is unknown or has a value it cannot have."""


class SourceError(UsageError):
    """A source of dialogues cannot be read."""


class ModelError(UsageError):
    """A base model is missing or unfit."""


class VersionError(EndcloudError):
    """An adapter version cannot be used."""


class UnknownVersionError(VersionError):
    """There is no version of this name, or several begin like it."""

    exit_code = 2


class TrainingError(EndcloudError):
    """Training cannot start or go on."""


class LearningError(EndcloudError):
    """Training ended without anything learned."""


class LockedError(EndcloudError):
    """Another process holds the lock of this job."""


class ConflictError(EndcloudError):
    """Somebody else was first, or what was asked does not fit what holds now."""


class AccessError(EndcloudError):
    """The caller's key or token does not allow this."""


class NotFoundError(EndcloudError):
    """Nothing of this name is here."""

    exit_code = 2


class PrivacyError(EndcloudError):
    """The guard failed closed: nothing was sent."""


class UnrestorableError(PrivacyError):
    """A reply holds a placeholder that cannot be restored."""


class BudgetError(EndcloudError):
    """The next call could pass the budget."""


class CloudError(EndcloudError):
    """A cloud call failed."""

    retryable = False


class CloudRefusedError(CloudError):
    """The provider refuses this request; asking again changes nothing."""


class CloudAccessError(CloudRefusedError):
    """The provider refuses every request of ours: the key, the model's name, the URL or the account."""


class CloudBusyError(CloudError):
    """The provider asks us to slow down."""

    retryable = True

    def __init__(self, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class CloudTimeoutError(CloudError):
    """No answer came in time."""

    retryable = True


class CloudUnavailableError(CloudError):
    """The connection or the server failed."""

    retryable = True


class CloudMalformedError(CloudError):
    """The answer is not what the protocol says, or was cut off."""

    retryable = True
