#!/bin/sh
# Starts the controller, waits until a model's template is ready, asks one question, and serves on until Ctrl-C.
# Usage: scripts/run-demo.sh PATH_OF_WORKER_CONTROLLER
set -eu

controller=$1
question="What is the capital of France?"
limit_seconds=300

"$controller" serve &
server=$!
# Ctrl-C reaches the controller too; here it only must not end this script before the controller has cleaned up.
trap 'kill -TERM "$server" 2>/dev/null || true' INT TERM

waited=0
until "$controller" models 2>/dev/null | grep -q ' warm '; do
    kill -0 "$server" 2>/dev/null || { wait "$server"; exit $?; }
    [ "$waited" -lt "$limit_seconds" ] || { echo "no model is warm after $limit_seconds s; see run/logs" >&2; kill "$server"; wait "$server"; exit 1; }
    sleep 1
    waited=$((waited + 1))
done

echo
echo "The model is warm: everything but its weights is ready. Asking: $question"
"$controller" run default "$question" --temperature 0 --timings || echo "the question failed; see run/logs" >&2
echo
echo "Serving on http://127.0.0.1:8000/v1 until Ctrl-C. Try, in another terminal:"
echo "  curl http://127.0.0.1:8000/v1/chat/completions -H 'Content-Type: application/json' \\"
echo "    -d '{\"model\": \"smollm2\", \"messages\": [{\"role\": \"user\", \"content\": \"Hello\"}]}'"
echo "  $controller ps --timings"
# A trapped signal ends the first wait; the second one is for the controller's own end.
wait "$server" || true
wait "$server"
