# Watchbell as a container image: the source, its dependencies and a warm compile cache. No database, no npm.
#   docker build -t watchbell .                    how to run it: docs/installing.md
#   --secret id=npmrc,src=$HOME/.npmrc             for a private package registry
#   --secret id=ca,src=/etc/ssl/certs/own-ca.pem   for a registry or proxy with a private CA
# By tag, so that a build includes Debian's latest fixes; builds of one commit are identical until the tag moves.
ARG NODE_IMAGE=docker.io/library/node:24-bookworm-slim

FROM ${NODE_IMAGE} AS build
WORKDIR /app
COPY package.json package-lock.json ./
# Of the fonts, only the regular weight is used (skills/coffee/render-png.ts).
# Install scripts do not run: what they would download (Node, the native part of matrix-bot-sdk) is not used here.
RUN --mount=type=secret,id=npmrc,target=/run/secrets/npmrc --mount=type=secret,id=ca,target=/run/secrets/ca \
    if [ -s /run/secrets/ca ]; then export NODE_EXTRA_CA_CERTS=/run/secrets/ca; fi \
 && if [ -s /run/secrets/npmrc ]; then export NPM_CONFIG_USERCONFIG=/run/secrets/npmrc; fi \
 && npm ci --omit=dev --ignore-scripts --no-audit --no-fund --cache /tmp/npm \
 && rm -rf /tmp/* node_modules/.package-lock.json node_modules/@types \
 && find node_modules -type f \( -name '*.d.ts' -o -name '*.d.mts' -o -name '*.d.cts' -o -name '*.map' -o -iname '*.md' \) -delete \
 && find node_modules/@embedpdf node_modules/@expo-google-fonts -type f \
      \( -name '*.[ot]tf' ! -name '*Regular.[ot]tf' -o -name '*.png' \) -delete
COPY bin bin
COPY src src
COPY skills skills
COPY scripts/warm-compile-cache.ts scripts/
RUN find src skills \( -name '*.test.ts' -o -name 'conformance*.ts' -o -path '*/conformance/*' -o -path 'skills/*/test-*.ts' \) -delete
# A compile cache is specific to a Node version, a user id and a set of flags, so it is warmed with those of the program. Only
# that id can read it; the chmod gives others access, and bin/watchbell.js makes them use it.
ENV NODE_COMPILE_CACHE=/app/.compile-cache
RUN mkdir .compile-cache && chown 1000:1000 .compile-cache
USER 1000:1000
RUN node --max-semi-space-size=2 --disable-warning=ExperimentalWarning scripts/warm-compile-cache.ts \
 && chmod -R a+rX .compile-cache

FROM ${NODE_IMAGE}
# The image installs no packages, and removed software needs no updates.
RUN rm -rf /usr/local/lib/node_modules /usr/local/bin/npm /usr/local/bin/npx /usr/local/bin/corepack /usr/local/bin/yarn* /opt/yarn* \
 && ln -s /app/bin/watchbell.js /usr/local/bin/watchbell
WORKDIR /app
COPY LICENSE ./
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules node_modules
COPY --from=build /app/bin bin
COPY --from=build /app/skills skills
COPY --from=build /app/src src
COPY --from=build /app/.compile-cache .compile-cache
ENV NODE_ENV=production NODE_COMPILE_CACHE=/app/.compile-cache WATCHBELL_CONFIG=/etc/watchbell
ARG VERSION=0.0.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title=watchbell \
      org.opencontainers.image.description="A chat bot for teams on Kubernetes: what it accepts, it does exactly once" \
      org.opencontainers.image.licenses=Apache-2.0 \
      org.opencontainers.image.version=${VERSION} \
      org.opencontainers.image.revision=${REVISION}
USER 1000:1000
EXPOSE 8080 8081
# The program handles SIGTERM itself, also as process 1, and starts no child processes: no init is needed.
ENTRYPOINT ["node", "--max-semi-space-size=2", "--disable-warning=ExperimentalWarning", "/app/bin/watchbell.js"]
CMD ["run"]
