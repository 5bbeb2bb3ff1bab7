"""Where engine pods run: the part of a pod template that users may set."""

from typing import Annotated, Final, Literal

from pydantic import ConfigDict, Field

from reflex_api.rules import ApiModel, Matches, Rule, rules
from reflex_api.source import DNS_NAME

_LABEL_PART: Final = "[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?"
_LABEL_KEY: Final = rf"^([a-z0-9]([a-z0-9.-]{{0,251}}[a-z0-9])?/)?{_LABEL_PART}$"
_LABEL_VALUE: Final = f"^{_LABEL_PART}$"
_KEY_FORM: Final = (
    "letters, digits and . _ - inside, at most 63, after an optional DNS prefix and a slash, such"
    " as nvidia.com/gpu.product"
)
_VALUE_FORM: Final = "letters, digits and . _ - inside, at most 63"


class Toleration(ApiModel):
    """As in a pod; see `kubectl explain pod.spec.tolerations`."""

    model_config = ConfigDict(
        json_schema_extra=rules(
            Rule(
                rule="self.operator == 'Equal' ? has(self.key) && self.key != ''"
                " : !has(self.value) || self.value == ''",
                message="placement.tolerations: set key with operator Equal, remove value with"
                " operator Exists",
            ),
            Rule(
                rule="!has(self.tolerationSeconds)"
                " || (has(self.effect) && self.effect == 'NoExecute')",
                message="placement.tolerations: tolerationSeconds needs effect NoExecute; set it or"
                " remove tolerationSeconds",
                field_path=".tolerationSeconds",
            ),
        )
    )

    key: Annotated[
        str,
        Matches(_LABEL_KEY, f"must be a label key: {_KEY_FORM}", optional=True),
        Field(max_length=317, description="Key of the taint. Default: every key (Exists)."),
    ] = ""
    operator: Literal["Equal", "Exists"] = Field(
        default="Equal", description="How value is compared: Equal or Exists. Default: Equal."
    )
    value: Annotated[
        str,
        Matches(_LABEL_VALUE, f"must be a label value: {_VALUE_FORM}", optional=True),
        Field(max_length=63, description="Value of the taint, with operator Equal."),
    ] = ""
    effect: Literal["", "NoSchedule", "PreferNoSchedule", "NoExecute"] = Field(
        default="", description="Effect of the taint. Default: every effect."
    )
    toleration_seconds: int | None = Field(
        default=None,
        ge=0,
        le=31536000,
        description="Seconds until eviction, with effect NoExecute. Default: never evicted.",
    )


class Placement(ApiModel):
    """Where engine pods run."""

    node_selector: Annotated[
        dict[
            Annotated[str, Matches(_LABEL_KEY, f"must have label keys: {_KEY_FORM}")],
            Annotated[
                str,
                Matches(_LABEL_VALUE, f"must have label values: {_VALUE_FORM}", optional=True),
                Field(max_length=63, description="Label value."),
            ],
        ],
        Rule(
            rule=f'self.all(key, key.matches(r"{_LABEL_KEY}"))',
            message=f"{{field}} must have label keys: {_KEY_FORM}",
        ),
        Field(
            max_length=16,
            description="Labels that the node must have, at most 16. Default: none.",
        ),
    ] = Field(default_factory=dict)
    tolerations: tuple[Toleration, ...] = Field(
        default=(),
        max_length=16,
        description="Taints of the node that are tolerated, at most 16. Default: none.",
        json_schema_extra={"x-kubernetes-list-type": "atomic"},
    )
    runtime_class_name: Annotated[
        str,
        Matches(DNS_NAME, "must be the name of a RuntimeClass, such as nvidia", optional=True),
        Field(
            max_length=253,
            description="RuntimeClass of the engine pods, often nvidia. Default: the node's.",
        ),
    ] = ""
    priority_class_name: Annotated[
        str,
        Matches(DNS_NAME, "must be the name of a PriorityClass", optional=True),
        Field(
            max_length=253,
            description="PriorityClass of the engine pods. Default: the cluster's.",
        ),
    ] = ""
