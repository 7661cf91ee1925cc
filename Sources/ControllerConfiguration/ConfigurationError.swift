/// One mistake in a configuration file.
public struct ConfigurationError: Error, Sendable, Equatable, CustomStringConvertible {
    /// Absolute path of the configuration file.
    public let file: String
    /// Where the mistake is, counted from 1; nil where it belongs to no line.
    public let line: Int?
    /// What is wrong.
    public let problem: String
    /// What would be right.
    public let remedy: String

    /// `file:line: problem; remedy`
    public var description: String {
        "\(file)\(line.map { ":\($0)" } ?? ""): \(problem); \(remedy)"
    }
}

/// Every mistake that was found in a configuration file, in the order of their lines. Never empty.
public struct ConfigurationErrors: Error, Sendable, Equatable, CustomStringConvertible {
    public let errors: [ConfigurationError]

    /// One mistake a line.
    public var description: String { errors.map(\.description).joined(separator: "\n") }
}
