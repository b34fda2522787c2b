{{- define "watchbell.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{/* At most 32 characters, so that the longest name made from it stays within a CronJob's 52; a Service's has no dots or capitals. */}}
{{- define "watchbell.fullname" -}}
{{- $name := include "watchbell.name" . -}}
{{- $full := contains $name .Release.Name | ternary .Release.Name (printf "%s-%s" .Release.Name $name) -}}
{{- regexReplaceAll "[^a-z0-9-]" (default $full .Values.fullnameOverride | lower) "-" | trunc 32 | trimSuffix "-" -}}
{{- end -}}

{{- define "watchbell.selectorLabels" -}}
app.kubernetes.io/name: {{ include "watchbell.name" . | quote }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end -}}

{{- define "watchbell.labels" -}}
{{ include "watchbell.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{/*
The metadata of an object: (list $ "-suffix" "component" labels annotations).
*/}}
{{- define "watchbell.metadata" -}}
{{- $root := index . 0 -}}
{{- $labels := merge (dict "app.kubernetes.io/component" (index . 2)) (include "watchbell.labels" $root | fromYaml) -}}
name: {{ include "watchbell.fullname" $root }}{{ index . 1 }}
namespace: {{ $root.Release.Namespace }}
labels:
  {{- merge $labels (index . 3) $root.Values.commonLabels | toYaml | nindent 2 }}
{{- with mergeOverwrite (deepCopy $root.Values.commonAnnotations) (index . 4) }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{/* The labels of a pod: (list $ "component" labels). */}}
{{- define "watchbell.podLabels" -}}
{{- $root := index . 0 -}}
{{ include "watchbell.labels" $root }}
app.kubernetes.io/component: {{ index . 1 }}
{{- with mergeOverwrite (deepCopy $root.Values.commonLabels) (index . 2) }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* The options of a skill, (list $ "alerts"), as JSON; {} where they are left out, or it is switched off by `false`. */}}
{{- define "watchbell.skill" -}}
{{- $skills := default dict (default dict (index . 0).Values.config).skills -}}
{{- $options := get $skills (index . 1) -}}
{{- kindIs "map" $options | ternary $options dict | toJson -}}
{{- end -}}

{{/* `helm test` posts to a source; a ConfigMap of configFragments may bring one. */}}
{{- define "watchbell.tested" -}}
{{- if and .Values.test.enabled (or (include "watchbell.skill" (list . "alerts") | fromJson).sources .Values.configFragments) }}true{{ end -}}
{{- end -}}

{{/* A room as a part of a name, at most 14 characters; what had to be changed keeps a hash, so that no two are one. */}}
{{- define "watchbell.nameOfRoom" -}}
{{- $plain := regexReplaceAll "[^a-z0-9]+" (lower .) "-" | trimAll "-" -}}
{{- if and (eq $plain .) (le (len .) 14) -}}
{{ . }}
{{- else -}}
{{ printf "%s-%s" ($plain | trunc 8 | trimSuffix "-") (. | sha256sum | trunc 5) | trimPrefix "-" }}
{{- end -}}
{{- end -}}

{{- define "watchbell.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ default .Chart.AppVersion .Values.image.tag }}
{{- end -}}
{{- end -}}

{{- define "watchbell.serviceAccountName" -}}
{{- if .Values.serviceAccount.create -}}
{{ default (include "watchbell.fullname" .) .Values.serviceAccount.name }}
{{- else -}}
{{ default "default" .Values.serviceAccount.name }}
{{- end -}}
{{- end -}}

{{- define "watchbell.certificateSecret" -}}
{{ default (printf "%s-tls" (include "watchbell.fullname" .)) .Values.certificate.secretName }}
{{- end -}}

{{/* Every host this release answers to. */}}
{{- define "watchbell.hosts" -}}
{{- $hosts := list -}}
{{- if .Values.ingress.enabled }}{{ $hosts = concat $hosts .Values.ingress.hosts }}{{ end -}}
{{- if .Values.httpRoute.enabled }}{{ $hosts = concat $hosts .Values.httpRoute.hostnames }}{{ end -}}
{{- $hosts | uniq | toJson -}}
{{- end -}}

{{/* Where the Secret with the address of Postgres is: { name, key }, empty when the configuration says it all. */}}
{{- define "watchbell.databaseSecret" -}}
{{- $postgres := .Values.postgres -}}
{{- $chosen := list -}}
{{- if $postgres.existingSecret.name }}{{ $chosen = append $chosen "postgres.existingSecret.name" }}{{ end -}}
{{- if $postgres.cloudNativePG.enabled }}{{ $chosen = append $chosen "postgres.cloudNativePG.enabled" }}{{ end -}}
{{- if $postgres.development.enabled }}{{ $chosen = append $chosen "postgres.development.enabled" }}{{ end -}}
{{- if gt (len $chosen) 1 -}}
{{- fail (printf "There must be one database, and these values name %d: keep one of %s." (len $chosen) (join ", " $chosen)) -}}
{{- end -}}
{{- if and (not $chosen) (not (default dict .Values.config).database) -}}
{{- fail "Watchbell needs a Postgres: set postgres.existingSecret.name (a Secret with its postgres:// address), or postgres.cloudNativePG.enabled, or for a trial postgres.development.enabled." -}}
{{- end -}}
{{- if $postgres.existingSecret.name -}}
{{- dict "name" $postgres.existingSecret.name "key" $postgres.existingSecret.key | toJson -}}
{{- else if $postgres.cloudNativePG.enabled -}}
{{- dict "name" (printf "%s-db-app" (include "watchbell.fullname" .)) "key" "uri" | toJson -}}
{{- else if $postgres.development.enabled -}}
{{- dict "name" (printf "%s-postgres" (include "watchbell.fullname" .)) "key" "uri" | toJson -}}
{{- else -}}
{}
{{- end -}}
{{- end -}}

{{- define "watchbell.environment" -}}
- { name: PORT, value: '8080' }
- { name: OPS_PORT, value: '8081' }
- { name: LOG_LEVEL, value: {{ .Values.logLevel }} }
{{- with .Values.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{- define "watchbell.volumeMounts" -}}
- { name: config, mountPath: /etc/watchbell, readOnly: true }
- { name: secrets, mountPath: /run/secrets/watchbell, readOnly: true }
- { name: tmp, mountPath: /tmp }
{{- range $index, $skill := .Values.skillConfigMaps }}
- { name: skill-{{ $index }}, mountPath: /skills/{{ $skill }}, readOnly: true }
{{- end }}
{{- with .Values.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* No subPath: whole directories follow a changed ConfigMap or Secret within a minute, and the bot watches them. */}}
{{- define "watchbell.volumes" -}}
- name: config
  projected:
    sources:
      - configMap: { name: {{ include "watchbell.fullname" . }} }
      {{- range .Values.configFragments }}
      {{- if has . (list "watchbell" "chart") }}
      {{- fail (printf "A ConfigMap under configFragments cannot be called %q: its file would replace the chart's own. Give it another name." .) }}
      {{- end }}
      - configMap:
          name: {{ . }}
          optional: true
          items: [{ key: watchbell.yaml, path: {{ . }}.yaml }]
      {{- end }}
- name: secrets
  projected:
    defaultMode: 0440
    sources:
      {{- $database := include "watchbell.databaseSecret" . | fromJson }}
      {{- with $database.name }}
      - secret:
          name: {{ . }}
          items: [{ key: {{ $database.key }}, path: database-uri }]
      {{- end }}
      {{- range .Values.secrets }}
      - secret:
          name: {{ .name }}
          {{- with .items }}
          items:
            {{- range . }}
            {{- if kindIs "string" . }}
            - { key: {{ . }}, path: {{ . }} }
            {{- else }}
            - { key: {{ .key }}, path: {{ .path }} }
            {{- end }}
            {{- end }}
          {{- end }}
          {{- if .optional }}
          optional: true
          {{- end }}
      {{- end }}
- name: tmp
  emptyDir: { sizeLimit: 64Mi }
{{- range $index, $skill := .Values.skillConfigMaps }}
- name: skill-{{ $index }}
  configMap: { name: {{ $skill }} }
{{- end }}
{{- with .Values.extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end -}}

{{/* What all pods of the bot share. */}}
{{- define "watchbell.podSpec" -}}
serviceAccountName: {{ include "watchbell.serviceAccountName" . }}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  {{- toYaml .Values.podSecurityContext | nindent 2 }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .Values.runtimeClassName }}
runtimeClassName: {{ . }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
volumes:
  {{- include "watchbell.volumes" . | nindent 2 }}
{{- end -}}

{{/* One container that runs one command and ends: (list $ args resources more-mounts). */}}
{{- define "watchbell.commandContainer" -}}
{{- $root := index . 0 -}}
name: watchbell
image: {{ include "watchbell.image" $root }}
imagePullPolicy: {{ $root.Values.image.pullPolicy }}
args:
  {{- index . 1 | toYaml | nindent 2 }}
env:
  {{- include "watchbell.environment" $root | nindent 2 }}
{{- with $root.Values.extraEnvFrom }}
envFrom:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  {{- toYaml $root.Values.securityContext | nindent 2 }}
resources:
  {{- index . 2 | toYaml | nindent 2 }}
volumeMounts:
  {{- include "watchbell.volumeMounts" $root | nindent 2 }}
  {{- with index . 3 }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
{{- end -}}
