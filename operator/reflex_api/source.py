"""Where a model's weights come from: exactly one of four."""

from typing import Annotated, Any, Final, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from reflex_api.rules import ApiModel, Matches, Rule, rules

DNS_NAME: Final = r"^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$"
_SEGMENT: Final = "[A-Za-z0-9_-][A-Za-z0-9._-]*"
_RELATIVE: Final = Matches(
    f"^{_SEGMENT}(/{_SEGMENT})*$",
    "must be a relative path without hidden or `..` parts, such as qwen/awq",
)

SourceKind = Literal["huggingFace", "http", "persistentVolumeClaim", "bundled"]


class SecretKeyRef(ApiModel):
    """One key of a Secret in the model's namespace."""

    name: Annotated[
        str,
        Matches(DNS_NAME, "must be the name of a Secret, such as hub-token"),
        Field(max_length=253, description="Name of the Secret, in the model's namespace."),
    ]
    key: Annotated[
        str,
        Matches(r"^[A-Za-z0-9._-]+$", "must be a key of the Secret, such as token"),
        Field(max_length=253, description="Key within the Secret. Default: token."),
    ] = "token"


class HuggingFaceSource(ApiModel):
    """A repository on the Hugging Face hub, downloaded into the cache."""

    repo: Annotated[
        str,
        Matches(
            r"^[A-Za-z0-9][A-Za-z0-9._-]*/[A-Za-z0-9][A-Za-z0-9._-]*$",
            "must be OWNER/NAME, such as openai/gpt-oss-20b",
        ),
        Field(max_length=193, description="Repository as OWNER/NAME."),
    ]
    revision: Annotated[
        str,
        Matches(
            "^[0-9a-f]{40}$",
            "must be a commit of 40 lower-case hexadecimal digits; a branch or tag can move",
        ),
        Field(max_length=40, description="Commit, 40 hexadecimal digits. Evidence is tied to it."),
    ]
    exclude: tuple[
        Annotated[str, Field(min_length=1, max_length=128, description="Glob of paths.")], ...
    ] = Field(
        default=(),
        max_length=32,
        description="Globs of files that are not downloaded, such as original/*. At most 32.",
    )
    token_secret_ref: SecretKeyRef | None = Field(
        default=None,
        description="Secret with the hub token. Only the download pod sees it. Default: no token.",
    )


class HttpFile(ApiModel):
    """One file and the digest that it must have."""

    path: Annotated[
        str,
        _RELATIVE,
        Field(max_length=256, description="Where it is stored, relative to the model's folder."),
    ]
    url: Annotated[
        str,
        Matches(
            r"^https?://[A-Za-z0-9._:\[\]-]+(/[!-~]*)?$",
            "must be an http or https URL without user or password",
        ),
        Field(max_length=1024, description="http or https URL, without user or password."),
    ]
    sha256: Annotated[
        str,
        Matches("^[0-9a-f]{64}$", "must be a SHA-256 of 64 lower-case hexadecimal digits"),
        Field(max_length=64, description="SHA-256 of the content, 64 hexadecimal digits."),
    ]


class HttpSource(ApiModel):
    """Files from web servers, downloaded into the cache."""

    files: tuple[HttpFile, ...] = Field(
        min_length=1,
        max_length=64,
        description="Files of the model, 1 to 64, each path once.",
        json_schema_extra={
            "x-kubernetes-list-type": "map",
            "x-kubernetes-list-map-keys": ["path"],
        },
    )


class ClaimSource(ApiModel):
    """Weights that are already on a volume, mounted read-only."""

    claim_name: Annotated[
        str,
        Matches(DNS_NAME, "must be the name of a PersistentVolumeClaim, such as models"),
        Field(max_length=253, description="PersistentVolumeClaim in the model's namespace."),
    ]
    path: Annotated[
        str,
        Matches(_RELATIVE.pattern, _RELATIVE.form, optional=True),
        Field(
            max_length=256,
            description="Folder of the model within the volume, relative. Default: its root.",
        ),
    ] = ""


class BundledSource(ApiModel):
    """Weights inside the engine image."""

    path: Annotated[
        str,
        Matches(
            f"^(/{_SEGMENT})+$",
            "must be an absolute path without hidden or `..` parts, such as /models/reflex-tiny",
        ),
        Field(max_length=256, description="Absolute path in the image: /models/reflex-tiny."),
    ]


_ONE_SOURCE: Final = Rule(
    rule=(
        "(has(self.huggingFace) ? 1 : 0) + (has(self.http) ? 1 : 0)"
        " + (has(self.persistentVolumeClaim) ? 1 : 0) + (has(self.bundled) ? 1 : 0) == 1"
    ),
    message=(
        "source must have exactly one of huggingFace, http, persistentVolumeClaim and bundled:"
        " set one, remove the others"
    ),
)


class Source(ApiModel):
    """Where the weights come from; changing it makes a new revision."""

    model_config = ConfigDict(json_schema_extra=rules(_ONE_SOURCE))

    hugging_face: HuggingFaceSource | None = Field(
        default=None, description="A repository on the Hugging Face hub."
    )
    http: HttpSource | None = Field(default=None, description="Files from web servers.")
    persistent_volume_claim: ClaimSource | None = Field(
        default=None, description="A folder on an existing volume."
    )
    bundled: BundledSource | None = Field(
        default=None, description="A folder in the engine image, for tests and small models."
    )

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if len(self._given()) != 1:
            raise ValueError(_ONE_SOURCE.message)
        return self

    def _given(self) -> list[tuple[SourceKind, Any]]:
        members: list[tuple[SourceKind, Any]] = [
            ("huggingFace", self.hugging_face),
            ("http", self.http),
            ("persistentVolumeClaim", self.persistent_volume_claim),
            ("bundled", self.bundled),
        ]
        return [(kind, member) for kind, member in members if member is not None]

    @property
    def kind(self) -> SourceKind:
        """Return which of the four it is, as the field is called in YAML."""
        return self._given()[0][0]
