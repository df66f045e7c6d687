const text = require("fs").readFileSync(0, "utf8");
let [count, total, largest] = [0, 0, 0];
for (const word of text.split(/\s+/)) {
    if (word === "") continue;
    const number = Number(word);
    count += 1;
    total += number;
    largest = Math.max(largest, number);
}
console.log(`${count} ${total} ${largest}`);
