/// What is asked. In the steady state every prompt is new, so that no server has its beginning in a cache, and the same for all
/// sides of a block.
package enum Prompts {
    package static let standard = "What is the capital of France?"

    /// Of many kinds; their answers are compared.
    package static let various = [
        standard, "List three fruits.", "Write a short poem about the sea.", "def fibonacci(n):",
        "Once upon a time there was a dragon who", "Explain gravity to a child.", "2 + 2 =", "The quick brown fox",
        "Translate 'good morning' into Spanish.", "Why is the sky blue?", "Name a planet.", "How do I boil an egg?",
        "The first president of the United States was", "import numpy as np\n", "Give me a synonym for happy.",
        "What is photosynthesis?", "Count to five.", "In the year 2050,", "SELECT name FROM", "Tell me a joke.",
    ]

    package static func story(_ generator: inout SeededGenerator) -> String {
        "\(generator.next()): tell a long story about this number."
    }

    package static func question(_ generator: inout SeededGenerator) -> String {
        "\(generator.next()): is this number even?"
    }
}
