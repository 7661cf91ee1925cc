/// Gathers the mistakes of one file, so that all of them can be told in one go.
final class Diagnostics {
    let file: String
    private var errors: [ConfigurationError] = []

    init(file: String) {
        self.file = file
    }

    var isEmpty: Bool { errors.isEmpty }

    func report(_ line: Int?, _ problem: String, _ remedy: String) {
        errors.append(ConfigurationError(file: file, line: line, problem: problem, remedy: remedy))
    }

    /// What was noted, in the order of lines; those of one line in the order in which they were found.
    var failure: ConfigurationErrors {
        let sorted = errors.enumerated().sorted { left, right in
            (left.element.line ?? 0, left.offset) < (right.element.line ?? 0, right.offset)
        }
        return ConfigurationErrors(errors: sorted.map(\.element))
    }
}
