import csv

with open("cities.csv") as file:
    cities = list(csv.DictReader(file))
cities.sort(key=lambda city: float(city["millions"]), reverse=True)

total = sum(float(city["millions"]) for city in cities)
with open("shares.csv", "w", newline="") as file:
    table = csv.writer(file)
    table.writerow(["city", "millions", "share"])
    for city in cities:
        millions = float(city["millions"])
        table.writerow([city["city"], millions, f"{millions / total:.0%}"])

bars = []
for row, city in enumerate(cities):
    millions, top = float(city["millions"]), 10 + 28 * row
    bars.append(f'<rect x="110" y="{top}" width="{millions * 12}" height="20" fill="#3d4fd1"/>')
    bars.append(f'<text x="100" y="{top + 15}" text-anchor="end">{city["city"]}</text>')
size = f'width="580" height="{20 + 28 * len(cities)}"'
with open("chart.svg", "w") as file:
    file.write(f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif">')
    file.write("".join(bars) + "</svg>")

print(f"{len(cities)} cities, {total:.1f} million people")
