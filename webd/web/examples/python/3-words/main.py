import sys
from collections import Counter

# The text comes from the input box below the editor.
words = sys.stdin.read().lower().split()
counts = Counter(word.strip(".,;:!?") for word in words)

width = max(map(len, counts))
for word, count in counts.most_common(8):
    print(f"{word:>{width}} {'█' * count} {count}")
