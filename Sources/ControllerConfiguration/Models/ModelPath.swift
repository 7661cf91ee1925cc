/// What a model's `path` means: a folder, or a model of the hub.
enum ModelPath: Equatable {
    /// Absolute.
    case folder(String)
    case hubID(String)

    /// Whether a folder is really there is not asked: a missing one is told when the model is wanted, and costs no
    /// other model anything.
    ///
    /// - Returns: nil if it can be neither.
    init?(_ text: String, paths: PathResolver) {
        let components = text.split(separator: "/", omittingEmptySubsequences: false)
        let isFolder =
            text.hasPrefix("/") || text.hasPrefix(".") || text.hasPrefix("~") || paths.exists(text)
            || components.count > 1 && components.first.map { paths.exists(String($0)) } ?? false
        if isFolder {
            self = .folder(paths.absolute(text))
        } else if text.wholeMatch(of: /[A-Za-z0-9._-]+(\/[A-Za-z0-9._-]+)?/) != nil {
            self = .hubID(text)
        } else {
            return nil
        }
    }
}
