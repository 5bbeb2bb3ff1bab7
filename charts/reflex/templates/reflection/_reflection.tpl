{{- define "reflex.reflection.name" -}}
{{- printf "%s-reflection" (include "reflex.fullname" .) -}}
{{- end -}}

{{/* Beside the repair service, which mounts its keys. */}}
{{- define "reflex.reflection.namespace" -}}
{{- .Values.reflection.namespace | default (include "reflex.loop.namespace" .) -}}
{{- end -}}

{{- define "reflex.reflection.selectorLabels" -}}
app.kubernetes.io/name: reflex-reflection
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{/* `component` is how reflexctl finds the service and its keys. */}}
{{- define "reflex.reflection.labels" -}}
{{ include "reflex.reflection.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/component: reflex-reflection
app.kubernetes.io/part-of: reflex
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "reflex.reflection.keysSecret" -}}
{{- .Values.reflection.auth.existingSecret | default (printf "%s-keys" (include "reflex.reflection.name" .)) -}}
{{- end -}}

{{- define "reflex.reflection.claim" -}}
{{- .Values.reflection.storage.existingClaim | default (include "reflex.reflection.name" .) -}}
{{- end -}}

{{/* What the repair service is told of it. */}}
{{- define "reflex.memory.url" -}}
{{- .Values.loop.memory.url | default (printf "http://%s.%s" (include "reflex.reflection.name" .) (include "reflex.reflection.namespace" .)) -}}
{{- end -}}

{{- define "reflex.memory.keysSecret" -}}
{{- .Values.loop.memory.existingSecret | default (include "reflex.reflection.keysSecret" .) -}}
{{- end -}}
