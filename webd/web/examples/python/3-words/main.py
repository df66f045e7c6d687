import sys
from collections import Counter

# The text comes from the input box below the editor.
text = sys.stdin.read().lower()
counts = Counter(word.strip(".,;:!?") for word in text.split())

width = max(map(len, counts))
for word, count in counts.most_common(8):
    print(f"{word:>{width}} {'█' * count} {count}")
