# Tells the server of every push, as the webhook of a Git host does.
while read -r before after ref; do
  body=$(printf '{"ref":"%s","before":"%s","after":"%s","pusher":{"name":"demo"}}' "$ref" "$before" "$after")
  signature=$(printf '%s' "$body" | openssl dgst -sha256 -hmac "$secret" | sed 's/^.* //')
  status=$(curl --silent --show-error --noproxy '*' --max-time 30 --output /dev/null --write-out '%{http_code}' \
    --header 'Content-Type: application/json' \
    --header 'X-GitHub-Event: push' \
    --header "X-GitHub-Delivery: $(openssl rand -hex 16)" \
    --header "X-Hub-Signature-256: sha256=$signature" \
    --data-binary "$body" "$url")
  echo "webhook for $ref answered $status"
done
