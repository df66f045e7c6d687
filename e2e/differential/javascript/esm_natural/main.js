console.log('a module ends');
export {};
