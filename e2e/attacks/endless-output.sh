# tries: to write output without end to both streams, from several processes
# threat: a/output
# stopped-by: a bounded output, whose program is ended when it is full
# any-language: true
# stdout-has: BLOCKED
# status: output_limit
# response-at-most: 16000000
echo "BLOCKED: started"
for number in 1 2 3; do
    yes &
    yes >&2 &
done
wait
