# Watchbell as a container: the program as written, its dependencies and a warm compile cache. No database, no npm.
#   docker build -t watchbell .                    what each file needs at run time is in docs/installing.md
#   --secret id=npmrc,src=$HOME/.npmrc             for a package registry of your own
#   --secret id=ca,src=/etc/ssl/certs/own-ca.pem   where a proxy of your own answers for it
# By tag, so that a build brings Debian's latest fixes; builds of one commit are alike while it stays where it is.
ARG NODE_IMAGE=docker.io/library/node:24-bookworm-slim

FROM ${NODE_IMAGE} AS build
WORKDIR /app
COPY package.json package-lock.json ./
# Of the fonts (skills/coffee/render-png.ts) only the regular weight is used.
# No install scripts run: what they would fetch (Node, the native part of matrix-bot-sdk) is not used here.
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
RUN find src skills \( -name '*.test.ts' -o -name 'conformance*.ts' -o -path '*/conformance/*' -o -name 'test-bot.ts' \) -delete
# Code caches belong to one Node, one user id and one set of flags: warmed as the program will run. Node lets only that id
# read them; the chmod lets others, and bin/watchbell.js leads them there.
ENV NODE_COMPILE_CACHE=/app/.compile-cache
RUN mkdir .compile-cache && chown 1000:1000 .compile-cache
USER 1000:1000
RUN node --max-semi-space-size=2 --disable-warning=ExperimentalWarning scripts/warm-compile-cache.ts \
 && chmod -R a+rX .compile-cache

FROM ${NODE_IMAGE}
# Nothing in here installs packages, and what is not there needs no update.
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
# The program handles SIGTERM itself, as process 1 too, and starts no children: no init is needed.
ENTRYPOINT ["node", "--max-semi-space-size=2", "--disable-warning=ExperimentalWarning", "/app/bin/watchbell.js"]
CMD ["run"]
