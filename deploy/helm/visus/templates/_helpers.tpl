{{- define "visus.name" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 63 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 63 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "visus.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "visus.labels" -}}
{{ include "visus.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{- define "visus.serviceAccount" -}}
{{- if .Values.serviceAccount.name -}}
{{- .Values.serviceAccount.name -}}
{{- else if .Values.serviceAccount.create -}}
{{- include "visus.name" . -}}
{{- else -}}
default
{{- end -}}
{{- end -}}

{{- define "visus.claim" -}}
{{- .Values.persistence.existingClaim | default (include "visus.name" .) -}}
{{- end -}}

{{- /* What cannot work is refused before anything is made. */ -}}
{{- define "visus.check" -}}
{{- if or .Values.autoscaling.enabled (gt (int .Values.replicaCount) 1) -}}
{{- if not .Values.database.existingSecret -}}
{{- fail "More than one replica needs PostgreSQL: set database.existingSecret." -}}
{{- end -}}
{{- if not .Values.persistence.enabled -}}
{{- fail "More than one replica needs a volume that all share: set persistence.enabled." -}}
{{- end -}}
{{- if ne .Values.persistence.accessMode "ReadWriteMany" -}}
{{- fail "More than one replica needs a volume that all share: set persistence.accessMode to ReadWriteMany." -}}
{{- end -}}
{{- end -}}
{{- end -}}
