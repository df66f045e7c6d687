class Queue<T> {
  private items: T[] = [];

  push(item: T): this {
    this.items.push(item);
    return this;
  }

  *drain(): Generator<T> {
    while (this.items.length > 0) yield this.items.shift() as T;
  }
}

interface Job {
  name: string;
  milliseconds: number;
}

const jobs = new Queue<Job>()
  .push({ name: "brew tea", milliseconds: 400 })
  .push({ name: "butter bread", milliseconds: 250 })
  .push({ name: "read the paper", milliseconds: 600 });

async function work(): Promise<void> {
  for (const { name, milliseconds } of jobs.drain()) {
    process.stdout.write(`${name} … `);
    await new Promise((done) => setTimeout(done, milliseconds));
    console.log("done");
  }
}

void work();
