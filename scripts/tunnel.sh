#!/usr/bin/env bash
# Lets senders on the internet reach the webhooks of a bot on this machine.
set -euo pipefail

usage() {
  cat <<'TEXT'
usage: scripts/tunnel.sh CLIENT [ARGUMENT…]

Opens a tunnel to the webhooks of a bot on this machine, with a client of your choice, until Ctrl-C.

  scripts/tunnel.sh cloudflared              a temporary address
  scripts/tunnel.sh ngrok --domain=…         additional arguments are passed to the client
  scripts/tunnel.sh ssh user@host            port REMOTE_PORT on host leads here, for programs on that host such as its web server
  scripts/tunnel.sh tailscale                this machine's name in your tailnet, as a funnel

This exposes the complete public port, including the web chat, which requires signing in (watchbell sign-in, or its password).

  PORT             port of the bot; default 8080
  REMOTE_PORT      ssh only; default 8080
  REMOTE_ADDRESS   ssh only; default 127.0.0.1. 0.0.0.0 is open to everyone, and needs GatewayPorts in host's sshd
TEXT
}

client=${1:-}
case $client in
  -h | --help) usage; exit 0 ;;
  cloudflared | ngrok | ssh | tailscale) ;;
  '') usage >&2; exit 2 ;;
  *) echo "tunnel: unknown client $client: use cloudflared, ngrok, ssh or tailscale" >&2; exit 2 ;;
esac
shift
port=${PORT:-8080}
command -v "$client" >/dev/null || { echo "tunnel: install $client, or use another client" >&2; exit 2; }
command -v curl >/dev/null || { echo 'tunnel: install curl, which checks that the bot responds' >&2; exit 2; }
if ! curl --silent --output /dev/null --max-time 3 "http://127.0.0.1:$port/"; then
  echo "tunnel: no bot responds on port $port of this machine: start it (scripts/start.sh), or set PORT" >&2
  exit 1
fi
case $client in
  cloudflared) exec cloudflared tunnel --url "http://127.0.0.1:$port" "$@" ;;
  ngrok) exec ngrok http "$port" "$@" ;;
  ssh) exec ssh -N -o ExitOnForwardFailure=yes -o ServerAliveInterval=30 -R "${REMOTE_ADDRESS:-127.0.0.1}:${REMOTE_PORT:-8080}:127.0.0.1:$port" "$@" ;;
  tailscale) exec tailscale funnel "$port" "$@" ;;
esac
