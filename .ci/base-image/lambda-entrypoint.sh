#!/bin/sh
# Starts the runtime client for the handler that the only argument names: under the emulator, unless
# there is a runtime API already (Lambda's own, or that of a local AWS).
if [ $# -ne 1 ]; then
  echo "entrypoint requires the handler name to be the first argument" >&2 # AWS's words and status
  exit 142
fi
export _HANDLER="$1"
if [ -z "$AWS_LAMBDA_RUNTIME_API" ]; then
  exec /usr/local/bin/aws-lambda-rie /var/runtime/bootstrap
fi
exec /var/runtime/bootstrap
