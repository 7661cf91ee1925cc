/// What a word without quotes means. Only what JSON knows (and Python's spelling of it) is more than text: YAML's older
/// rules would turn a revision `0123456` into an octal number and a name `no` into a boolean.
enum PlainWord {
    static func boolean(_ word: String) -> Bool? {
        switch word {
        case "true", "True", "TRUE": true
        case "false", "False", "FALSE": false
        default: nil
        }
    }

    /// A number as JSON writes it. One too large for 64 bits is text: rounding it would change it.
    static func number(_ word: String) -> ConfigurationValue? {
        guard word.wholeMatch(of: /-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?/) != nil else { return nil }
        if let integer = Int(word) { return .integer(integer) }
        guard word.contains(where: { ".eE".contains($0) }), let number = Double(word), number.isFinite else {
            return nil
        }
        return .number(number)
    }
}
