{{- define "webhook-operator.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- /* Names get endings of up to 10 characters. */}}
{{- define "webhook-operator.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" }}
{{- else if contains (include "webhook-operator.name" .) .Release.Name }}
{{- .Release.Name | trunc 50 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "webhook-operator.name" .) | trunc 50 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "webhook-operator.namespace" -}}
{{- default .Release.Namespace .Values.namespaceOverride }}
{{- end }}

{{- define "webhook-operator.selectorLabels" -}}
app.kubernetes.io/name: {{ include "webhook-operator.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "webhook-operator.labels" -}}
{{ include "webhook-operator.selectorLabels" . }}
{{ include "webhook-operator.furtherLabels" . }}
{{- end }}

{{- /* Those that no selector asks for. */}}
{{- define "webhook-operator.furtherLabels" -}}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" | trunc 63 | trimSuffix "-" }}
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- /* The metadata that all objects of the release namespace share; takes a list of the root and an ending. */}}
{{- define "webhook-operator.metadata" -}}
{{- $root := index . 0 -}}
name: {{ include "webhook-operator.fullname" $root }}{{ index . 1 }}
namespace: {{ include "webhook-operator.namespace" $root }}
labels:
  {{- include "webhook-operator.labels" $root | nindent 2 }}
{{- with $root.Values.commonAnnotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "webhook-operator.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "webhook-operator.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- required "serviceAccount.name is required with serviceAccount.create=false" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "webhook-operator.image" -}}
{{- $registry := default .Values.image.registry .Values.global.imageRegistry -}}
{{- with $registry }}{{ . }}/{{ end }}{{ .Values.image.repository }}
{{- if .Values.image.tag }}:{{ .Values.image.tag }}
{{- else if not .Values.image.digest }}:{{ .Chart.AppVersion }}
{{- end }}
{{- with .Values.image.digest }}@{{ . }}{{ end }}
{{- end }}

{{- /* "true" where Roles in listed namespaces take the place of a ClusterRole. */}}
{{- define "webhook-operator.namespaced" -}}
{{- if .Values.watch.namespaces }}true{{ end }}
{{- end }}

{{- /* Whether an object of a kind that may be unknown to the cluster is rendered: a list of root and API version. */}}
{{- define "webhook-operator.monitoring" -}}
{{- $root := index . 0 }}
{{- $known := $root.Capabilities.APIVersions.Has (index . 1) }}
{{- if or $known (eq $root.Values.metrics.renderMode "alwaysRender") }}true
{{- else if eq $root.Values.metrics.renderMode "failIfMissing" }}
{{- fail (printf "the cluster does not have %s; install it, or set metrics.renderMode to skipIfMissing or alwaysRender" (index . 1)) }}
{{- end }}
{{- end }}

{{- /* What the operator may do in a namespace that it watches, as files/rbac has it. */}}
{{- define "webhook-operator.watchedRules" -}}
{{ .Files.Get "files/rbac/watched.yaml" | trimSuffix "\n" }}
{{- if .Values.rbac.signingKeys }}
{{ .Files.Get "files/rbac/signing-keys.yaml" | trimSuffix "\n" }}
{{- end }}
{{- with .Values.rbac.extraRules }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "webhook-operator.subject" -}}
subjects:
- kind: ServiceAccount
  name: {{ include "webhook-operator.serviceAccountName" . }}
  namespace: {{ include "webhook-operator.namespace" . }}
{{- end }}

{{- /* Flags from a map of values: settleTime: 75s is --settle-time=75s, true is the flag alone, unset is none. */}}
{{- define "webhook-operator.flags" -}}
{{- range $key, $value := . }}
{{- $flag := printf "--%s" (kebabcase $key) }}
{{- if kindIs "slice" $value }}
{{- with $value }}
- {{ printf "%s=%s" $flag (join "," .) | quote }}
{{- end }}
{{- else if kindIs "bool" $value }}
{{- if $value }}
- {{ $flag | quote }}
{{- end }}
{{- else if not (has (toString $value) (list "" "<nil>")) }}
- {{ printf "%s=%v" $flag $value | quote }}
{{- end }}
{{- end }}
{{- end }}

{{- define "webhook-operator.leaseName" -}}
{{- default (include "webhook-operator.fullname" .) .Values.leaderElection.leaseName }}
{{- end }}

{{- /* The Leases of all shards. Each reads those of the others, to find out that one has no leader. */}}
{{- define "webhook-operator.leaseNames" -}}
{{- $names := list (include "webhook-operator.leaseName" .) }}
{{- range .Values.shards }}
{{- $names = append $names (printf "%s-%s" (include "webhook-operator.leaseName" $) .) }}
{{- end }}
{{- join ", " $names }}
{{- end }}

{{- /* The flags of the operator, for `run` and for whoever looks at the same with them. */}}
{{- define "webhook-operator.arguments" -}}
- {{ printf "--listen=%s:%d" .Values.listen.address (int .Values.listen.port) | quote }}
{{- if .Values.leaderElection.enabled }}
- {{ printf "--lease-name=%s" (include "webhook-operator.leaseName" .) | quote }}
{{- else }}
- "--leader-elect=false"
{{- end }}
{{- with .Values.watch.namespaces }}
- {{ printf "--watch-namespace=%s" (join "," .) | quote }}
{{- end }}
{{- with include "webhook-operator.flags" .Values.operator | trim }}
{{ . }}
{{- end }}
{{- with include "webhook-operator.flags" .Values.extraArgs | trim }}
{{ . }}
{{- end }}
{{- end }}

{{- /* The environment of the container, `env` and `envFrom`. */}}
{{- define "webhook-operator.environment" -}}
env:
- name: POD_NAME
  valueFrom:
    fieldRef:
      fieldPath: metadata.name
- name: POD_NAMESPACE
  valueFrom:
    fieldRef:
      fieldPath: metadata.namespace
{{- if or .Values.proxy.url .Values.proxy.secretRef.name }}
- name: WEBHOOK_OPERATOR_PROVIDER_PROXY
  valueFrom:
    secretKeyRef:
      name: {{ .Values.proxy.secretRef.name | default (printf "%s-proxy" (include "webhook-operator.fullname" .)) }}
      key: {{ if .Values.proxy.secretRef.name }}{{ .Values.proxy.secretRef.key }}{{ else }}url{{ end }}
{{- end }}
{{- with .Values.traces.headersSecretRef }}
{{- if .name }}
- name: OTEL_EXPORTER_OTLP_HEADERS
  valueFrom:
    secretKeyRef:
      name: {{ .name }}
      key: {{ .key }}
{{- end }}
{{- end }}
{{- with .Values.logLevel }}
- name: RUST_LOG
  value: {{ . | quote }}
{{- end }}
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- with .Values.extraEnvFrom }}
envFrom:
{{ toYaml . }}
{{- end }}
{{- end }}

{{- /* The name of the pod of `helm test`, as in app.kubernetes.io/name: no selector but the network policy's takes it. */}}
{{- define "webhook-operator.doctorName" -}}
{{- printf "%s-doctor" (include "webhook-operator.name" . | trunc 56 | trimSuffix "-") }}
{{- end }}
