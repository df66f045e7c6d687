class Square {
    constructor(side) {
        this.side = side;
    }

    area() {
        return this.side ** 2;
    }
}

class Circle {
    constructor(radius) {
        this.radius = radius;
    }

    area() {
        return Math.PI * this.radius ** 2;
    }
}

module.exports = { Circle, Square };
