const { Circle, Square } = require("./shapes");
const { table } = require("./report");

console.log(table([new Square(2), new Circle(1), new Square(3)]));
