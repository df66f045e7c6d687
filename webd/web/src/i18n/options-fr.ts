/** Titles and descriptions of languages' options in French, by their English text in the language files. */
const OPTION_TEXTS: Record<string, string> = {
  "0 turns optimization and inlining off": "0 désactive l’optimisation et l’expansion en ligne",
  "1 leaves out assert statements, 2 docstrings too: -O, -OO":
    "1 omet les instructions assert, 2 aussi les docstrings : -O, -OO",
  "All warnings of the compiler: -Xlint": "Tous les avertissements du compilateur : -Xlint",
  "All warnings, such as those about deprecated features: -W default":
    "Tous les avertissements, par exemple sur les fonctions obsolètes : -W default",
  Assertions: "Assertions",
  "Check assert statements: -ea": "Vérifier les instructions assert : -ea",
  "Check debug assertions and arithmetic overflow":
    "Vérifier les assertions de débogage et les dépassements arithmétiques",
  "Checks at run time for errors of memory, undefined behaviour, and data races":
    "Vérifie à l’exécution les erreurs de mémoire, les comportements indéfinis et les accès concurrents",
  "Common warnings": "Avertissements courants",
  "Common warnings: -Wall -Wextra": "Avertissements courants : -Wall -Wextra",
  "Debug assertions": "Assertions de débogage",
  Edition: "Édition",
  "Edition of the language": "Édition du langage",
  Optimization: "Optimisation",
  OpenMP: "OpenMP",
  "Optimization level: -O0 to -O3, -Og, -Os, -Ofast":
    "Niveau d’optimisation : -O0 à -O3, -Og, -Os, -Ofast",
  "Optimization level: 0 to 3, s or z": "Niveau d’optimisation : 0 à 3, s ou z",
  "Parallel programming with OpenMP: -fopenmp": "Programmation parallèle avec OpenMP : -fopenmp",
  Pedantic: "Pédant",
  "Preview features": "Fonctionnalités en préversion",
  "Preview features of the installed version of Java":
    "Fonctionnalités en préversion de la version de Java installée",
  Release: "Version",
  Sanitizers: "Sanitizers",
  Standard: "Norme",
  Strict: "Strict",
  "Strict type checks: --strict": "Vérification stricte des types : --strict",
  "The most common warnings: -Wall": "Les avertissements les plus courants : -Wall",
  Unbuffered: "Sans tampon",
  "Version of the language and of the library": "Version du langage et de la bibliothèque",
  "Version of the language, with (gnu) or without extensions":
    "Version du langage, avec (gnu) ou sans extensions",
  Warnings: "Avertissements",
  "Warnings about extensions of the standard: -pedantic":
    "Avertissements sur les extensions de la norme : -pedantic",
  "Warnings are errors": "Les avertissements sont des erreurs",
  "Warnings prevent the program from running: -Werror":
    "Les avertissements empêchent l’exécution du programme : -Werror",
  "Warnings, which a program sends with warn(): -W":
    "Avertissements qu’un programme émet avec warn() : -W",
  "Warnings: -w": "Avertissements : -w",
  "Write output at once: -u": "Écrire la sortie immédiatement : -u",
};
export default OPTION_TEXTS;
