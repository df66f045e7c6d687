export = (name: string): string => `hello ${name}`;
