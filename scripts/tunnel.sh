#!/usr/bin/env bash
# Lets senders on the internet reach the webhooks of a bot on this machine.
set -euo pipefail

usage() {
  cat <<'TEXT'
usage: scripts/tunnel.sh CLIENT [ARGUMENT…]

Opens a tunnel to the webhooks of a bot on this machine with a client that you have, until Ctrl-C.

  scripts/tunnel.sh cloudflared              an address of the moment
  scripts/tunnel.sh ngrok --domain=…         more arguments go to the client
  scripts/tunnel.sh ssh user@host            port REMOTE_PORT (8080) of host leads here; its sshd needs GatewayPorts
  scripts/tunnel.sh tailscale                this machine's name in your tailnet, as a funnel

The whole public port is opened, the web chat too: set connectors.web.password first.

  PORT          of the bot; default 8080
  REMOTE_PORT   ssh only; default 8080
TEXT
}

client=${1:-}
case $client in
  -h | --help) usage; exit 0 ;;
  '') usage >&2; exit 2 ;;
esac
shift
port=${PORT:-8080}
command -v "$client" >/dev/null || { echo "tunnel: install $client, or name another client" >&2; exit 2; }
if ! curl --silent --output /dev/null --max-time 3 "http://127.0.0.1:$port/"; then
  echo "tunnel: no bot answers on port $port of this machine: start it (scripts/start.sh), or set PORT" >&2
  exit 1
fi
case $client in
  cloudflared) exec cloudflared tunnel --url "http://127.0.0.1:$port" "$@" ;;
  ngrok) exec ngrok http "$port" "$@" ;;
  ssh) exec ssh -N -o ExitOnForwardFailure=yes -o ServerAliveInterval=30 -R "0.0.0.0:${REMOTE_PORT:-8080}:127.0.0.1:$port" "$@" ;;
  tailscale) exec tailscale funnel "$port" "$@" ;;
  *) echo "tunnel: the clients are cloudflared, ngrok, ssh and tailscale, not $client" >&2; exit 2 ;;
esac
