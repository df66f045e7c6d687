/** Titles and descriptions of languages' options in Hindi, by their English text in the language files. */
const OPTION_TEXTS: Record<string, string> = {
  "0 turns optimization and inlining off": "0 से ऑप्टिमाइज़ेशन और इनलाइनिंग बंद होते हैं",
  "1 leaves out assert statements, 2 docstrings too: -O, -OO":
    "1 में assert कथन छोड़े जाते हैं, 2 में docstring भी: -O, -OO",
  "All warnings of the compiler: -Xlint": "कंपाइलर की सभी चेतावनियाँ: -Xlint",
  "All warnings, such as those about deprecated features: -W default":
    "सभी चेतावनियाँ, जैसे पुरानी पड़ चुकी सुविधाओं के बारे में: -W default",
  Assertions: "असर्शन",
  "Check assert statements: -ea": "assert कथन जाँचें: -ea",
  "Check debug assertions and arithmetic overflow": "डीबग असर्शन और अंकगणितीय ओवरफ़्लो जाँचें",
  "Checks at run time for errors of memory, undefined behaviour, and data races":
    "प्रोग्राम चलते समय मेमोरी की त्रुटियों, अपरिभाषित व्यवहार और डेटा रेस की जाँच",
  "Common warnings": "आम चेतावनियाँ",
  "Common warnings: -Wall -Wextra": "आम चेतावनियाँ: -Wall -Wextra",
  "Debug assertions": "डीबग असर्शन",
  Edition: "संस्करण (edition)",
  "Edition of the language": "भाषा का संस्करण (edition)",
  Optimization: "ऑप्टिमाइज़ेशन",
  OpenMP: "OpenMP",
  "Optimization level: -O0 to -O3, -Og, -Os, -Ofast": "ऑप्टिमाइज़ेशन स्तर: -O0 से -O3, -Og, -Os, -Ofast",
  "Optimization level: 0 to 3, s or z": "ऑप्टिमाइज़ेशन स्तर: 0 से 3, s या z",
  "Parallel programming with OpenMP: -fopenmp": "OpenMP से समानांतर प्रोग्रामिंग: -fopenmp",
  Pedantic: "सख़्त मानक",
  "Preview features": "प्रीव्यू सुविधाएँ",
  "Preview features of the installed version of Java": "Java के इंस्टॉल किए गए संस्करण की प्रीव्यू सुविधाएँ",
  Release: "रिलीज़",
  Sanitizers: "सैनिटाइज़र",
  Standard: "मानक",
  Strict: "सख़्त",
  "Strict type checks: --strict": "टाइप की सख़्त जाँच: --strict",
  "The most common warnings: -Wall": "सबसे आम चेतावनियाँ: -Wall",
  Unbuffered: "बिना बफ़र",
  "Version of the language and of the library": "भाषा और लाइब्रेरी का संस्करण",
  "Version of the language, with (gnu) or without extensions":
    "भाषा का संस्करण, एक्सटेंशन के साथ (gnu) या उनके बिना",
  Warnings: "चेतावनियाँ",
  "Warnings about extensions of the standard: -pedantic":
    "मानक से अलग एक्सटेंशन पर चेतावनियाँ: -pedantic",
  "Warnings are errors": "चेतावनियाँ त्रुटियाँ मानी जाएँ",
  "Warnings prevent the program from running: -Werror": "चेतावनियाँ होने पर प्रोग्राम नहीं चलता: -Werror",
  "Warnings, which a program sends with warn(): -W": "प्रोग्राम द्वारा warn() से भेजी गई चेतावनियाँ: -W",
  "Warnings: -w": "चेतावनियाँ: -w",
  "Write output at once: -u": "आउटपुट तुरंत लिखें: -u",
};
export default OPTION_TEXTS;
