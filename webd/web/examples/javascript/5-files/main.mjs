import { celsius, fahrenheit } from "./temperature.mjs";

for (let degrees = -40; degrees <= 100; degrees += 20) {
  const back = celsius(fahrenheit(degrees));
  console.log(`${String(degrees).padStart(4)} °C = ${fahrenheit(degrees).toFixed(0).padStart(4)} °F, and back ${back}`);
}
