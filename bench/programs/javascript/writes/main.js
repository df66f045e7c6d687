const lines = [];
for (let number = 0; number < 40000; number++) {
    lines.push(`line ${number}`);
    if (lines.length === 1000) console.log(lines.splice(0).join("\n"));
}
