{{- define "watchbell.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{/*
At most 32 characters, so that the longest name made from it stays within a CronJob's 52; a Service name has no dots or capitals.
A truncated name ends in a hash of the full name, so that names stay unique.
*/}}
{{- define "watchbell.fullname" -}}
{{- $name := include "watchbell.name" . -}}
{{- $full := contains $name .Release.Name | ternary .Release.Name (printf "%s-%s" .Release.Name $name) -}}
{{- $plain := regexReplaceAll "[^a-z0-9-]" (default $full .Values.fullnameOverride | lower) "-" | trimSuffix "-" -}}
{{- if gt (len $plain) 32 -}}
{{ $plain | trunc 26 | trimSuffix "-" }}-{{ sha256sum $plain | trunc 5 }}
{{- else -}}
{{ $plain }}
{{- end -}}
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

{{/* The options of a skill, (list $ "alerts"), as JSON; {} if they are missing, or the skill is turned off with `false`. */}}
{{- define "watchbell.skill" -}}
{{- $skills := default dict (default dict (index . 0).Values.config).skills -}}
{{- $options := get $skills (index . 1) -}}
{{- kindIs "map" $options | ternary $options dict | toJson -}}
{{- end -}}

{{/*
The entries of `secrets` that may contain the first token of a source, (list $ "prod"), as a JSON list of { name, key }: those
that list it in their items, otherwise those without items.
*/}}
{{- define "watchbell.tokenSecrets" -}}
{{- $root := index . 0 -}}
{{- $sources := default dict (include "watchbell.skill" (list $root "alerts") | fromJson).sources -}}
{{- $file := dig "file" "" (first (default (list dict) (default dict (get $sources (index . 1))).tokens)) -}}
{{- $named := list -}}
{{- $whole := list -}}
{{- if $file -}}
{{- range $root.Values.secrets -}}
{{- $name := tpl .name $root -}}
{{- if not .items }}{{ $whole = append $whole (dict "name" $name "key" $file) }}{{ end -}}
{{- range .items -}}
{{- $item := kindIs "string" . | ternary (dict "key" . "path" .) . -}}
{{- if eq $item.path $file }}{{ $named = append $named (dict "name" $name "key" $item.key) }}{{ end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- default $whole $named | toJson -}}
{{- end -}}

{{/* `helm test` posts to a source; a ConfigMap under configFragments may contain one. */}}
{{- define "watchbell.tested" -}}
{{- if and .Values.test.enabled (or (include "watchbell.skill" (list . "alerts") | fromJson).sources .Values.configFragments) }}true{{ end -}}
{{- end -}}

{{/* A room name for use in object names, at most 14 characters; a changed name ends in a hash, so that names stay unique. */}}
{{- define "watchbell.nameOfRoom" -}}
{{- $plain := regexReplaceAll "[^a-z0-9]+" (lower .) "-" | trimAll "-" -}}
{{- if and (eq $plain .) (le (len .) 14) -}}
{{ . }}
{{- else -}}
{{ printf "%s-%s" ($plain | trunc 8 | trimSuffix "-") (. | sha256sum | trunc 5) | trimPrefix "-" }}
{{- end -}}
{{- end -}}

{{- define "watchbell.image" -}}
{{- $repository := include "watchbell.repository" (list . .Values.image.repository) -}}
{{- if .Values.image.digest -}}
{{ $repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ $repository }}:{{ default .Chart.AppVersion .Values.image.tag }}
{{- end -}}
{{- end -}}

{{/* (list $ "docker.io/library/postgres:18"), from the configured mirror registry, if there is one. */}}
{{- define "watchbell.repository" -}}
{{- with default (index . 0).Values.image.registry (index . 0).Values.global.imageRegistry -}}
{{ trimSuffix "/" . }}/
{{- end -}}
{{- if or (index . 0).Values.global.imageRegistry (index . 0).Values.image.registry -}}
{{ regexReplaceAll "^([^/]*[.:][^/]*|localhost)/" (index . 1) "" }}
{{- else -}}
{{ index . 1 }}
{{- end -}}
{{- end -}}

{{/* Pull secrets of this chart and the global ones, without duplicates; each is a name or { name }. */}}
{{- define "watchbell.imagePullSecrets" -}}
{{- $secrets := list -}}
{{- range concat (default list .Values.global.imagePullSecrets) .Values.imagePullSecrets -}}
{{- $secrets = append $secrets (kindIs "string" . | ternary (dict "name" .) .) -}}
{{- end -}}
{{- with uniq $secrets -}}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end -}}
{{- end -}}

{{/* `http.basePath` of the configuration: empty, or such as /bell. */}}
{{- define "watchbell.basePath" -}}
{{- with (default dict (default dict .Values.config).http).basePath -}}
{{ printf "/%s" (trimAll "/" .) | trimSuffix "/" }}
{{- end -}}
{{- end -}}

{{/* A public path: (list $ "/webhooks"). */}}
{{- define "watchbell.path" -}}
{{ printf "%s%s" (include "watchbell.basePath" (index . 0)) (index . 1) | trimSuffix "/" | default "/" }}
{{- end -}}

{{/* The bot's address inside the cluster, ending in `.svc`, so that NO_PROXY can match it. */}}
{{- define "watchbell.url" -}}
http://{{ include "watchbell.fullname" . }}.{{ .Release.Namespace }}.svc:{{ .Values.service.port }}{{ include "watchbell.basePath" . }}
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

{{/* All host names of this release. */}}
{{- define "watchbell.hosts" -}}
{{- $hosts := list -}}
{{- if .Values.ingress.enabled }}{{ $hosts = concat $hosts .Values.ingress.hosts }}{{ end -}}
{{- if .Values.httpRoute.enabled }}{{ $hosts = concat $hosts .Values.httpRoute.hostnames }}{{ end -}}
{{- $hosts | uniq | toJson -}}
{{- end -}}

{{/* The Secret with the address of Postgres: { name, key }, or empty if the configuration has the address. */}}
{{- define "watchbell.databaseSecret" -}}
{{- $postgres := .Values.postgres -}}
{{- $chosen := list -}}
{{- $own := (default dict .Values.config).database -}}
{{- /* A `database:` that only adds to the Secret's address, such as TLS options, is not a second database. */}}
{{- if and $own (ne (dig "url" "file" "" (deepCopy $own)) "database-uri") }}{{ $chosen = append $chosen "config.database" }}{{ end -}}
{{- if $postgres.existingSecret.name }}{{ $chosen = append $chosen "postgres.existingSecret.name" }}{{ end -}}
{{- if $postgres.cloudNativePG.enabled }}{{ $chosen = append $chosen "postgres.cloudNativePG.enabled" }}{{ end -}}
{{- if $postgres.development.enabled }}{{ $chosen = append $chosen "postgres.development.enabled" }}{{ end -}}
{{- if gt (len $chosen) 1 -}}
{{- fail (printf "Set exactly one database. These values set %d; keep one of: %s." (len $chosen) (join ", " $chosen)) -}}
{{- end -}}
{{- if and (not $chosen) (not $own) -}}
{{- fail "Watchbell needs a Postgres: set postgres.existingSecret.name (a Secret with its postgres:// address), postgres.cloudNativePG.enabled or, for a trial, postgres.development.enabled." -}}
{{- end -}}
{{- if $postgres.existingSecret.name -}}
{{- dict "name" (tpl $postgres.existingSecret.name .) "key" $postgres.existingSecret.key | toJson -}}
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

{{/* No subPath: mounted directories follow a changed ConfigMap or Secret within a minute, and the bot watches them. */}}
{{- define "watchbell.volumes" -}}
- name: config
  projected:
    sources:
      - configMap: { name: {{ include "watchbell.fullname" . }} }
      {{- range .Values.configFragments }}
      {{- if has . (list "watchbell" "chart") }}
      {{- fail (printf "A ConfigMap under configFragments cannot be named %q, because its file would replace the chart's own. Give it another name." .) }}
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
          name: {{ tpl .name $ }}
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

{{/* The pod spec that all pods of the bot share. */}}
{{- define "watchbell.podSpec" -}}
serviceAccountName: {{ include "watchbell.serviceAccountName" . }}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with include "watchbell.imagePullSecrets" . }}
{{ . }}
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
{{- with .Values.dnsConfig }}
dnsConfig:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.hostAliases }}
hostAliases:
  {{- toYaml . | nindent 2 }}
{{- end }}
volumes:
  {{- include "watchbell.volumes" . | nindent 2 }}
{{- end -}}

{{/* A container that runs one command and exits: (list $ args resources more-mounts). */}}
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
