export const fahrenheit = (degrees) => (degrees * 9) / 5 + 32;
export const celsius = (degrees) => ((degrees - 32) * 5) / 9;
