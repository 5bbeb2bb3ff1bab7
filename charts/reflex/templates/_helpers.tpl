{{/* Start of all names, at most 48 characters: with `-operator-lease` they still fit into 63. */}}
{{- define "reflex.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{- .Values.fullnameOverride | trunc 48 | trimSuffix "-" -}}
{{- else if contains "reflex" .Release.Name -}}
{{- .Release.Name | trunc 48 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-reflex" .Release.Name | trunc 48 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "reflex.operatorName" -}}
{{- printf "%s-operator" (include "reflex.fullname" .) -}}
{{- end -}}

{{- define "reflex.serviceAccountName" -}}
{{- if .Values.serviceAccount.name -}}
{{- .Values.serviceAccount.name -}}
{{- else if .Values.serviceAccount.create -}}
{{- include "reflex.operatorName" . -}}
{{- else -}}
default
{{- end -}}
{{- end -}}

{{/* What the Deployment, Services and policies select. The name is a contract: the NetworkPolicy of
every engine admits pods with exactly this label from the operator's namespace. */}}
{{- define "reflex.selectorLabels" -}}
app.kubernetes.io/name: reflex-operator
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "reflex.labels" -}}
{{ include "reflex.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/component: operator
app.kubernetes.io/part-of: reflex
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "reflex.bakeoff.image" -}}
{{- with .Values.bakeoff.image -}}
{{- if .digest -}}
{{- printf "%s@%s" .repository .digest -}}
{{- else -}}
{{- printf "%s:%s" .repository (.tag | default $.Chart.AppVersion) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- define "reflex.image" -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository (.Values.image.tag | default .Chart.AppVersion) -}}
{{- end -}}
{{- end -}}
