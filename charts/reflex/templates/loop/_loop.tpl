{{- define "reflex.loop.name" -}}
{{- printf "%s-loop" (include "reflex.fullname" .) -}}
{{- end -}}

{{- define "reflex.loop.namespace" -}}
{{- .Values.loop.namespace | default .Release.Namespace -}}
{{- end -}}

{{- define "reflex.loop.selectorLabels" -}}
app.kubernetes.io/name: reflex-loop
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "reflex.loop.labels" -}}
{{ include "reflex.loop.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/component: reflex-loop
app.kubernetes.io/part-of: reflex
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{/* The sandboxes. Each kind adds its own label; claims change only `sandbox-state`. */}}
{{- define "reflex.runner.selectorLabels" -}}
app.kubernetes.io/name: reflex-runner
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "reflex.runner.labels" -}}
{{ include "reflex.runner.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/component: runner
app.kubernetes.io/part-of: reflex
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "reflex.runner.image" -}}
{{- with .Values.loop.runners.image -}}
{{- if .digest -}}
{{- printf "%s@%s" .repository .digest -}}
{{- else -}}
{{- printf "%s:%s" .repository (.tag | default $.Chart.AppVersion) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "reflex.loop.keysSecret" -}}
{{- .Values.loop.auth.existingSecret | default (printf "%s-keys" (include "reflex.loop.name" .)) -}}
{{- end -}}

{{- define "reflex.loop.claim" -}}
{{- .Values.loop.storage.existingClaim | default (include "reflex.loop.name" .) -}}
{{- end -}}
