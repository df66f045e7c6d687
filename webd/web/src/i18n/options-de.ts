/** Titles and descriptions of languages' options in German, by their English text in the language files. */
const OPTION_TEXTS: Record<string, string> = {
  "0 turns optimization and inlining off": "0 schaltet Optimierung und Inlining aus",
  "1 leaves out assert statements, 2 docstrings too: -O, -OO":
    "1 lässt assert-Anweisungen weg, 2 auch Docstrings: -O, -OO",
  "All warnings of the compiler: -Xlint": "Alle Warnungen des Compilers: -Xlint",
  "All warnings, such as those about deprecated features: -W default":
    "Alle Warnungen, etwa vor veralteten Funktionen: -W default",
  Assertions: "Assertions",
  "Check assert statements: -ea": "assert-Anweisungen prüfen: -ea",
  "Check debug assertions and arithmetic overflow":
    "Debug-Assertions und arithmetischen Überlauf prüfen",
  "Checks at run time for errors of memory, undefined behaviour, and data races":
    "Prüft zur Laufzeit auf Speicherfehler, undefiniertes Verhalten und Data Races",
  "Common warnings": "Häufige Warnungen",
  "Common warnings: -Wall -Wextra": "Häufige Warnungen: -Wall -Wextra",
  "Debug assertions": "Debug-Assertions",
  Edition: "Edition",
  "Edition of the language": "Edition der Sprache",
  Optimization: "Optimierung",
  OpenMP: "OpenMP",
  "Optimization level: -O0 to -O3, -Og, -Os, -Ofast":
    "Optimierungsstufe: -O0 bis -O3, -Og, -Os, -Ofast",
  "Optimization level: 0 to 3, s or z": "Optimierungsstufe: 0 bis 3, s oder z",
  "Parallel programming with OpenMP: -fopenmp": "Parallele Programmierung mit OpenMP: -fopenmp",
  Pedantic: "Pedantisch",
  "Preview features": "Vorschaufunktionen",
  "Preview features of the installed version of Java":
    "Vorschaufunktionen der installierten Java-Version",
  Release: "Release",
  Sanitizers: "Sanitizer",
  Standard: "Standard",
  Strict: "Strikt",
  "Strict type checks: --strict": "Strenge Typprüfung: --strict",
  "The most common warnings: -Wall": "Die häufigsten Warnungen: -Wall",
  Unbuffered: "Ungepuffert",
  "Version of the language and of the library": "Version der Sprache und der Bibliothek",
  "Version of the language, with (gnu) or without extensions":
    "Version der Sprache, mit (gnu) oder ohne Erweiterungen",
  Warnings: "Warnungen",
  "Warnings about extensions of the standard: -pedantic":
    "Warnungen vor Erweiterungen des Standards: -pedantic",
  "Warnings are errors": "Warnungen sind Fehler",
  "Warnings prevent the program from running: -Werror":
    "Mit Warnungen wird das Programm nicht ausgeführt: -Werror",
  "Warnings, which a program sends with warn(): -W":
    "Warnungen, die ein Programm mit warn() ausgibt: -W",
  "Warnings: -w": "Warnungen: -w",
  "Write output at once: -u": "Ausgaben sofort schreiben: -u",
};
export default OPTION_TEXTS;
