const people = [{ name: "Ada", city: { name: "London" } }, { name: "Grace" }];

function cityOf(person) {
  return person.city.name;
}

for (const person of people) {
  console.log(person.name, "lives in", cityOf(person));
}
