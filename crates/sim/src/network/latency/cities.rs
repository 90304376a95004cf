//! [`CITIES`]: where people live, roughly.
//!
//! Large urban areas of all continents, with the coordinates of their centres to a hundredth of a degree (about a kilometre) and how many live
//! there to a few hundred thousand: figures that any atlas gives, rounded. They are weights, not statistics. Cities are left out where others
//! nearby stand for them.

/// An urban area.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct City {
    /// Its English name.
    pub name: &'static str,
    /// Degrees north of the equator; negative in the south.
    pub latitude: f64,
    /// Degrees east of Greenwich; negative in the west.
    pub longitude: f64,
    /// How many live there, in thousands.
    pub population: u32,
}

const fn city(name: &'static str, latitude: f64, longitude: f64, population: u32) -> City {
    City { name, latitude, longitude, population }
}

/// Large urban areas of the world, continent by continent.
pub const CITIES: [City; 84] = [
    // Asia.
    city("Tokyo", 35.68, 139.69, 37_000),
    city("Delhi", 28.61, 77.21, 33_000),
    city("Shanghai", 31.23, 121.47, 29_000),
    city("Dhaka", 23.81, 90.41, 23_000),
    city("Beijing", 39.90, 116.41, 22_000),
    city("Mumbai", 19.08, 72.88, 21_500),
    city("Osaka", 34.69, 135.50, 19_000),
    city("Karachi", 24.86, 67.01, 17_500),
    city("Chongqing", 29.56, 106.55, 17_500),
    city("Kolkata", 22.57, 88.36, 15_500),
    city("Manila", 14.60, 120.98, 14_800),
    city("Guangzhou", 23.13, 113.26, 14_500),
    city("Lahore", 31.55, 74.34, 14_000),
    city("Bengaluru", 12.97, 77.59, 13_800),
    city("Shenzhen", 22.54, 114.06, 13_000),
    city("Chennai", 13.08, 80.27, 12_000),
    city("Jakarta", -6.21, 106.85, 11_300),
    city("Bangkok", 13.76, 100.50, 11_200),
    city("Hyderabad", 17.39, 78.49, 11_000),
    city("Seoul", 37.57, 126.98, 10_000),
    city("Chengdu", 30.57, 104.07, 9_700),
    city("Ho Chi Minh City", 10.78, 106.70, 9_500),
    city("Tehran", 35.69, 51.39, 9_500),
    city("Kuala Lumpur", 3.15, 101.69, 8_800),
    city("Xi'an", 34.34, 108.94, 8_800),
    city("Baghdad", 33.31, 44.37, 7_900),
    city("Riyadh", 24.71, 46.68, 7_800),
    city("Hong Kong", 22.32, 114.17, 7_600),
    city("Taipei", 25.03, 121.57, 7_000),
    city("Singapore", 1.35, 103.82, 6_000),
    city("Hanoi", 21.03, 105.85, 5_400),
    city("Tel Aviv", 32.08, 34.78, 4_400),
    city("Dubai", 25.20, 55.27, 3_000),
    city("Tashkent", 41.30, 69.24, 2_600),
    city("Almaty", 43.24, 76.89, 2_000),
    city("Novosibirsk", 55.03, 82.92, 1_700),
    // Africa.
    city("Cairo", 30.04, 31.24, 22_500),
    city("Kinshasa", -4.44, 15.27, 17_000),
    city("Lagos", 6.52, 3.38, 16_500),
    city("Luanda", -8.84, 13.29, 9_600),
    city("Dar es Salaam", -6.79, 39.21, 8_100),
    city("Johannesburg", -26.20, 28.05, 6_300),
    city("Addis Ababa", 9.03, 38.74, 5_700),
    city("Abidjan", 5.36, -4.01, 5_900),
    city("Nairobi", -1.29, 36.82, 5_500),
    city("Cape Town", -33.92, 18.42, 5_000),
    city("Casablanca", 33.57, -7.59, 3_900),
    city("Dakar", 14.72, -17.47, 3_500),
    // Europe.
    city("Istanbul", 41.01, 28.98, 16_000),
    city("Moscow", 55.76, 37.62, 12_700),
    city("Paris", 48.86, 2.35, 11_300),
    city("London", 51.51, -0.13, 9_700),
    city("Madrid", 40.42, -3.70, 6_800),
    city("Barcelona", 41.39, 2.17, 5_700),
    city("Saint Petersburg", 59.93, 30.34, 5_600),
    city("Rome", 41.90, 12.50, 4_300),
    city("Berlin", 52.52, 13.41, 3_600),
    city("Athens", 37.98, 23.73, 3_150),
    city("Milan", 45.46, 9.19, 3_150),
    city("Kyiv", 50.45, 30.52, 3_000),
    city("Lisbon", 38.72, -9.14, 3_000),
    city("Frankfurt", 50.11, 8.68, 2_700),
    city("Amsterdam", 52.37, 4.90, 2_500),
    city("Vienna", 48.21, 16.37, 2_000),
    city("Warsaw", 52.23, 21.01, 1_800),
    city("Stockholm", 59.33, 18.07, 1_700),
    // North America.
    city("Mexico City", 19.43, -99.13, 22_500),
    city("New York", 40.71, -74.01, 18_900),
    city("Los Angeles", 34.05, -118.24, 12_500),
    city("Chicago", 41.88, -87.63, 8_900),
    city("Houston", 29.76, -95.37, 6_800),
    city("Dallas", 32.78, -96.80, 6_600),
    city("Toronto", 43.65, -79.38, 6_400),
    city("Miami", 25.76, -80.19, 6_300),
    city("Atlanta", 33.75, -84.39, 6_100),
    city("Seattle", 47.61, -122.33, 3_500),
    city("San Francisco", 37.77, -122.42, 3_300),
    // South America.
    city("São Paulo", -23.55, -46.63, 22_800),
    city("Buenos Aires", -34.60, -58.38, 15_600),
    city("Bogotá", 4.71, -74.07, 11_500),
    city("Lima", -12.05, -77.04, 11_300),
    city("Santiago", -33.45, -70.67, 6_900),
    // Oceania.
    city("Sydney", -33.87, 151.21, 5_200),
    city("Auckland", -36.85, 174.76, 1_700),
];
