import Scheduling

/// The 404 for a model that nobody configured.
enum UnknownModel {
    /// Up to so many configured models are listed in full.
    private static let fewModels = 8
    private static let shownLength = 128

    static func response(to wanted: String, in snapshot: RouteSnapshot) -> ErrorResponse {
        // What was asked for comes from outside: neither the message nor the search may grow with it.
        let shown = String(wanted.prefix(shownLength))
        var message = "The model '\(shown)' does not exist."
        let near = NearestNames.of(shown, among: snapshot.models.keys)
        if !near.isEmpty {
            message += " Nearest names: " + near.map { "'\($0)'" }.joined(separator: ", ") + "."
        }
        let configured = Set(snapshot.models.values.map(\.model)).sorted()
        if configured.isEmpty {
            message += " No models are configured: add one under 'models' in the configuration."
        } else if configured.count <= fewModels {
            message += " Configured models: " + configured.joined(separator: ", ") + "."
        } else {
            message += " GET /v1/models lists the \(configured.count) configured models."
        }
        return ErrorResponse(.unknownModel, message, parameter: "model")
    }
}
