exports.table = (shapes) =>
    shapes
        .map((shape) => shape.constructor.name.padEnd(8) + shape.area().toFixed(3).padStart(8))
        .join("\n");
