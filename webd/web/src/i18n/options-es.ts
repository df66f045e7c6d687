/** Titles and descriptions of languages' options in Spanish, by their English text in the language files. */
const OPTION_TEXTS: Record<string, string> = {
  "0 turns optimization and inlining off": "0 desactiva la optimización y la expansión en línea",
  "1 leaves out assert statements, 2 docstrings too: -O, -OO":
    "1 omite las sentencias assert; 2, también los docstrings: -O, -OO",
  "All warnings of the compiler: -Xlint": "Todos los avisos del compilador: -Xlint",
  "All warnings, such as those about deprecated features: -W default":
    "Todos los avisos, como los de funciones obsoletas: -W default",
  Assertions: "Aserciones",
  "Check assert statements: -ea": "Comprobar las sentencias assert: -ea",
  "Check debug assertions and arithmetic overflow":
    "Comprobar las aserciones de depuración y el desbordamiento aritmético",
  "Checks at run time for errors of memory, undefined behaviour, and data races":
    "Comprueba en tiempo de ejecución errores de memoria, comportamiento indefinido y condiciones de carrera",
  "Common warnings": "Avisos comunes",
  "Common warnings: -Wall -Wextra": "Avisos comunes: -Wall -Wextra",
  "Debug assertions": "Aserciones de depuración",
  Edition: "Edición",
  "Edition of the language": "Edición del lenguaje",
  Optimization: "Optimización",
  OpenMP: "OpenMP",
  "Optimization level: -O0 to -O3, -Og, -Os, -Ofast":
    "Nivel de optimización: -O0 a -O3, -Og, -Os, -Ofast",
  "Optimization level: 0 to 3, s or z": "Nivel de optimización: 0 a 3, s o z",
  "Parallel programming with OpenMP: -fopenmp": "Programación paralela con OpenMP: -fopenmp",
  Pedantic: "Pedante",
  "Preview features": "Funciones preliminares",
  "Preview features of the installed version of Java":
    "Funciones preliminares de la versión de Java instalada",
  Release: "Versión",
  Sanitizers: "Sanitizers",
  Standard: "Estándar",
  Strict: "Estricto",
  "Strict type checks: --strict": "Comprobación estricta de tipos: --strict",
  "The most common warnings: -Wall": "Los avisos más comunes: -Wall",
  Unbuffered: "Sin búfer",
  "Version of the language and of the library": "Versión del lenguaje y de la biblioteca",
  "Version of the language, with (gnu) or without extensions":
    "Versión del lenguaje, con (gnu) o sin extensiones",
  Warnings: "Avisos",
  "Warnings about extensions of the standard: -pedantic":
    "Avisos sobre extensiones del estándar: -pedantic",
  "Warnings are errors": "Los avisos son errores",
  "Warnings prevent the program from running: -Werror":
    "Los avisos impiden que se ejecute el programa: -Werror",
  "Warnings, which a program sends with warn(): -W": "Avisos que un programa emite con warn(): -W",
  "Warnings: -w": "Avisos: -w",
  "Write output at once: -u": "Escribir la salida de inmediato: -u",
};
export default OPTION_TEXTS;
