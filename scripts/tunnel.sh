#!/usr/bin/env bash
# Lets senders on the internet reach the webhooks of a bot on this machine.
set -euo pipefail

usage() {
  cat <<'TEXT'
usage: scripts/tunnel.sh CLIENT [ARGUMENT…]

Opens a tunnel to the webhooks of a bot on this machine with a client that you have, until Ctrl-C.

  scripts/tunnel.sh cloudflared              an address of the moment
  scripts/tunnel.sh ngrok --domain=…         more arguments go to the client
  scripts/tunnel.sh ssh user@host            port REMOTE_PORT of host leads here, for programs on that host: its web server
  scripts/tunnel.sh tailscale                this machine's name in your tailnet, as a funnel

The whole public port is opened, the web chat too, which lets in those who sign in (watchbell sign-in, or its password).

  PORT             of the bot; default 8080
  REMOTE_PORT      ssh only; default 8080
  REMOTE_ADDRESS   ssh only; default 127.0.0.1. 0.0.0.0 is for everybody, and needs GatewayPorts in host's sshd
TEXT
}

client=${1:-}
case $client in
  -h | --help) usage; exit 0 ;;
  cloudflared | ngrok | ssh | tailscale) ;;
  '') usage >&2; exit 2 ;;
  *) echo "tunnel: the clients are cloudflared, ngrok, ssh and tailscale, not $client" >&2; exit 2 ;;
esac
shift
port=${PORT:-8080}
command -v "$client" >/dev/null || { echo "tunnel: install $client, or name another client" >&2; exit 2; }
command -v curl >/dev/null || { echo 'tunnel: install curl, which looks whether the bot answers' >&2; exit 2; }
if ! curl --silent --output /dev/null --max-time 3 "http://127.0.0.1:$port/"; then
  echo "tunnel: no bot answers on port $port of this machine: start it (scripts/start.sh), or set PORT" >&2
  exit 1
fi
case $client in
  cloudflared) exec cloudflared tunnel --url "http://127.0.0.1:$port" "$@" ;;
  ngrok) exec ngrok http "$port" "$@" ;;
  ssh) exec ssh -N -o ExitOnForwardFailure=yes -o ServerAliveInterval=30 -R "${REMOTE_ADDRESS:-127.0.0.1}:${REMOTE_PORT:-8080}:127.0.0.1:$port" "$@" ;;
  tailscale) exec tailscale funnel "$port" "$@" ;;
esac
