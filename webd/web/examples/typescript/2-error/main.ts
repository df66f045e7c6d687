interface Book {
  title: string;
  pages: number;
}

const books: Book[] = [
  { title: "Middlemarch", pages: 880 },
  { title: "Walden", pages: "352" },
];

const pages = books.reduce((sum, book) => sum + book.pages, 0);
console.log(`${pages} pages`);
