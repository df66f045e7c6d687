echo "$# arguments: $*"
while read -r name; do
    for greeting in "$@"; do
        echo "$greeting, $name"
    done
done
