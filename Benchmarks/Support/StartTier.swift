/// What a model that is not loaded is started from; the value of `x-start-tier`.
///
/// A dictionary with such keys is an object in JSON.
package enum StartTier: String, Codable, CaseIterable, CodingKeyRepresentable {
    /// From processes that know no model.
    case cold
    /// From its template.
    case warm
    /// From its template, which holds the weights too.
    case asleep
}
