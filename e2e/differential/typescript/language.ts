enum Colour { Red, Green = 'green' as any, Blue = 4 }
const enum Size { Small = 1, Large = 2 }
namespace Shapes {
    export interface Shape { readonly area: number }
    export class Circle implements Shape {
        static #count = 0;
        constructor(private readonly radius: number) { Circle.#count++; }
        get area(): number { return Math.round(Math.PI * this.radius ** 2); }
        static count(): number { return Circle.#count; }
    }
}
abstract class Animal {
    protected constructor(public name: string) {}
    abstract sound(): string;
    toString(this: Animal): string { return `${this.name}: ${this.sound()}`; }
}
class Dog extends Animal {
    constructor() { super('dog'); }
    override sound(): 'woof' { return 'woof'; }
}
function overloaded(value: string): string;
function overloaded(value: number): number;
function overloaded(value: any): any { return value; }
const largest = <T,>(list: readonly T[], less: (a: T, b: T) => boolean): T | undefined =>
    list.reduce<T | undefined>((best, item) => (best === undefined || less(best, item) ? item : best), undefined);
type Tree<T> = { value: T; children?: Tree<T>[] };
const sum = (tree: Tree<number>): number => tree.value + (tree.children ?? []).map(sum).reduce((a, b) => a + b, 0);
const isText = (value: unknown): value is string => typeof value === 'string';

console.log(Colour, Colour.Blue, Size.Large, new Shapes.Circle(2).area, Shapes.Circle.count());
console.log(`${new Dog()}`, overloaded('a'), overloaded(1), largest([1, 3, 2], (a, b) => a < b));
console.log(sum({ value: 1, children: [{ value: 2 }, { value: 3, children: [{ value: 4 }] }] }), [1, 'a'].filter(isText));
const settings = { depth: 1, name: 'x' } satisfies Record<string, number | string>;
console.log(settings, (null as unknown as { a?: { b: number } } | null)?.a?.b, 1n ** 70n);
