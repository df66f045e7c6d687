// Guess the number: the input has it and the number of allowed guesses. Answers each guess with <, > or =.
#include "testlib.h"

int main(int count, char **arguments) {
    registerInteraction(count, arguments);
    int number = read<int>(inf, "number"), allowed = read<int>(inf, "limit");
    std::cout << "guess" << std::endl;
    for (int guesses = 1; guesses <= allowed; guesses++) {
        int guess = read<int>(std::cin, "guess");
        tout << guess << '\n';
        std::cout << (guess < number ? "<" : guess > number ? ">" : "=") << std::endl;
        if (guess == number) quitf(_ok, "%d guesses", guesses);
    }
    quitf(_wa, "more than %d guesses", allowed);
}
